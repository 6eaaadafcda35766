#!/usr/bin/env node
// What forge takes for the native compiler, though it is the one of npm: it answers the two options that forge uses.
import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) {
  const [version] = solc.version().split(".Emscripten");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}.Linux.g++`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error("usage: solc.mjs --version | --standard-json < input.json");
  process.exitCode = 2;
}
