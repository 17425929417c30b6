// Asks @sigstore/verify: questions as JSON on stdin, one answer for each on stdout. argv[2] is npm's folder, which has it.
const { createPublicKey } = require("node:crypto");
const { createRequire } = require("node:module");
const load = createRequire(process.argv[2] + "/package.json");
const { bundleFromJSON } = load("@sigstore/bundle");
const { TrustedRoot } = load("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = load("@sigstore/verify");

const materials = new Map();

// A root comes as text, so that one that was read before is known.
function material(root) {
  if (!materials.has(root)) materials.set(root, toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root))));
  return materials.get(root);
}

// The keys that bundles without a certificate name by their hints.
function material_of_keys(keys) {
  return toTrustMaterial(TrustedRoot.fromJSON({}), (hint) => {
    if (!(hint in keys)) throw new Error(`no key has the hint ${hint}`);
    return { publicKey: createPublicKey(keys[hint]), validFor: () => true };
  });
}

function answer({ bundle, root, issuer, san, log, keys }) {
  try {
    if (keys !== null) {
      const none = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };
      new Verifier(material_of_keys(keys), none).verify(toSignedEntity(bundleFromJSON(bundle)));
      return null;
    }
    const thresholds = log ? {} : { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 1 };
    const policy = {
      ...(san === null ? {} : { subjectAlternativeName: san }),
      ...(issuer === null ? {} : { extensions: { issuer } }),
    };
    new Verifier(material(root), thresholds).verify(toSignedEntity(bundleFromJSON(bundle)), policy);
    return null;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const questions = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(answer)));
