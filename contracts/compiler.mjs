// The Solidity compiler of npm, fed with this folder's sources. It reads no other folder and no network.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const VERSION = solc.version();

// The same sources give the same bytes on each machine: no hash of the metadata, no path of a folder.
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "devdoc", "userdoc", "evm.bytecode.object"], "": ["ast"] } },
};

// 2394: "transient storage can break composability". OpenZeppelin's guard clears its own at the end of each call.
const ACCEPTED = new Set(["2394"]);

function findImport(path) {
  const places = [join(HERE, path), join(HERE, "node_modules", path)];
  const found = places.find((place) => existsSync(place));
  return found ? { contents: readFileSync(found, "utf8") } : { error: `no file ${path}` };
}

/** Compile src/*.sol; warnings are errors. Return what came out of each contract, ours and imported ones, by its name, and
 * the syntax trees by the paths of the sources. */
export function compile() {
  const names = readdirSync(join(HERE, "src")).filter((name) => name.endsWith(".sol")).sort();
  const sources = Object.fromEntries(
    names.map((name) => [`src/${name}`, { content: readFileSync(join(HERE, "src", name), "utf8") }]),
  );
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const complaints = (output.errors ?? []).filter((each) => !ACCEPTED.has(each.errorCode));
  if (complaints.length > 0) throw new Error(complaints.map((each) => each.formattedMessage).join("\n"));
  const [ours, imported] = [{}, {}];
  for (const [path, contracts] of Object.entries(output.contracts)) {
    Object.assign(path.startsWith("src/") ? ours : imported, contracts);
  }
  const trees = Object.fromEntries(Object.entries(output.sources).map(([path, { ast }]) => [path, ast]));
  return { ours, imported, trees };
}
