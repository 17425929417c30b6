"""What tests are given: keys, attestations, trust bundles, certificates, images, reports, all real."""
