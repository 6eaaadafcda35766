// Write what comes out of the contracts into the project (or below FOLDER): node build.mjs [FOLDER]
// ABI and bytecode for the Python package, and two pages of reference.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { compile, HERE, VERSION } from "./compiler.mjs";
import { contractsPage, gasPage } from "./reference.mjs";

const CONTRACTS = ["TaskHub", "Task", "VanityTask", "WordcountTask", "RLC"];
const INTERFACES = ["ITaskCallback", "ITaskVerifier", "IApprovalReceiver"];
const root = resolve(process.argv[2] ?? dirname(HERE));

function write(path, text) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const compiled = compile();
for (const contract of CONTRACTS) {
  const { abi, evm } = compiled.ours[contract];
  const bytecode = `0x${evm.bytecode.object}`; // "0x" alone: an abstract contract, which cannot be deployed
  const text = JSON.stringify({ contract, compiler: VERSION, abi, bytecode }, null, 1);
  write(`xwhep/chain/abi/${contract}.json`, `${text}\n`);
}
const figures = JSON.parse(readFileSync(join(HERE, "snapshots", "gas.json"), "utf8"));
write("docs/reference/contracts.md", contractsPage([...CONTRACTS, ...INTERFACES], compiled));
write("docs/reference/gas.md", gasPage(figures, VERSION.split("+")[0]));
