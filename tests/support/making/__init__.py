"""What tests are given: keys, attestations, trust bundles, certificates, images and reports, all of them real."""
