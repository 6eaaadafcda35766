// The Solidity compiler of npm, fed with this folder's sources. It knows no network and no other folder.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));

// The same sources must give the same bytes on each machine: no hash of the metadata, no path of a folder.
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

// 2394: "transient storage can break composability". OpenZeppelin's guard clears its own at the end of each call.
const ACCEPTED = new Set(["2394"]);

function findImport(path) {
  const places = [join(HERE, path), join(HERE, "node_modules", path)];
  const found = places.find((place) => existsSync(place));
  return found ? { contents: readFileSync(found, "utf8") } : { error: `no file ${path}` };
}

/** Compile src/*.sol and return the outputs of all contracts by name. Throws with the compiler's text. */
export function compile() {
  const names = readdirSync(join(HERE, "src")).filter((name) => name.endsWith(".sol")).sort();
  const sources = Object.fromEntries(
    names.map((name) => [`src/${name}`, { content: readFileSync(join(HERE, "src", name), "utf8") }]),
  );
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const complaints = (output.errors ?? []).filter((each) => !ACCEPTED.has(each.errorCode));
  if (complaints.length > 0) throw new Error(complaints.map((each) => each.formattedMessage).join("\n"));
  return Object.assign({}, ...names.map((name) => output.contracts[`src/${name}`]));
}

export const VERSION = solc.version();
