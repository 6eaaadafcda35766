// Write the ABI and the bytecode of what users meet into FOLDER (or into the Python package): node build.mjs [FOLDER]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, VERSION } from "./compiler.mjs";

const CONTRACTS = ["RLC", "TaskHub", "Task", "VanityTask", "WordcountTask"];
const HERE = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(HERE, "..", "xwhep", "chain", "abi"));

const compiled = compile();
mkdirSync(folder, { recursive: true });
for (const contract of CONTRACTS) {
  const { abi, evm } = compiled[contract];
  const bytecode = `0x${evm.bytecode.object}`; // "0x" alone: an abstract contract, which cannot be deployed
  const text = JSON.stringify({ contract, compiler: VERSION, abi, bytecode }, null, 1);
  writeFileSync(join(folder, `${contract}.json`), `${text}\n`);
}
