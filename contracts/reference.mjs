// Pages of reference, written from what the compiler and the measurements say.

const KINDS = [
  ["function", "Functions", "methods"],
  ["event", "Events", "events"],
  ["error", "Errors", "errors"],
];

const BANNER = "<!-- written by contracts/build.mjs from the contracts' own comments: change those, then `npm run build` -->";

function typeOf({ type, components }) {
  return components ? type.replace("tuple", `(${components.map(typeOf).join(",")})`) : type;
}

/** The signature by which the chain knows an entry of an ABI, such as `withdraw(address)`. */
function signatureOf({ name, inputs }) {
  return `${name}(${inputs.map(typeOf).join(",")})`;
}

function parameterText(parameter, isEvent) {
  const type = parameter.internalType?.replace(/^(struct|enum|contract) /, "") ?? parameter.type;
  return [type, isEvent && parameter.indexed ? "indexed" : "", parameter.name].filter(Boolean).join(" ");
}

/** An entry as a person writes it: types with their names in Solidity, and what is returned. */
function headingOf(entry) {
  const inputs = entry.inputs.map((each) => parameterText(each, entry.type === "event")).join(", ");
  const outputs = (entry.outputs ?? []).map((each) => parameterText(each, false)).join(", ");
  const mutability = ["view", "pure", "payable"].includes(entry.stateMutability) ? ` ${entry.stateMutability}` : "";
  return `${entry.name}(${inputs})${mutability}${outputs ? ` returns (${outputs})` : ""}`;
}

/** The compiler keeps the comments of an error in a list, and those of functions and events alone. */
function commentOf(documentation, group, signature) {
  const found = documentation[group]?.[signature];
  return (Array.isArray(found) ? found[0] : found) ?? {};
}

function describe(entry, group, { userdoc, devdoc }) {
  const signature = signatureOf(entry);
  const { notice } = commentOf(userdoc, group, signature);
  const { details, params = {}, returns = {} } = commentOf(devdoc, group, signature);
  const comments = { ...params, ...returns };
  const named = [...entry.inputs, ...(entry.outputs ?? [])].filter(({ name }) => comments[name]);
  return [
    `* \`${headingOf(entry)}\`\\`,
    `  ${[notice, details].filter(Boolean).join(" ")}`,
    ...named.map(({ name }) => `  * \`${name}\`: ${comments[name]}`),
  ];
}

/** Say what the values of an interface's own types are, from the tree of its source. */
function typesSection(tree) {
  const nodes = tree.nodes.flatMap(({ nodes: inner = [] }) => inner);
  const lines = ["## Values", ""];
  for (const { nodeType, name, members, documentation } of nodes) {
    const [notice, ...params] = documentation?.text.replace(/\s+/g, " ").trim().split(" @param ") ?? [];
    if (nodeType === "EnumDefinition") {
      const values = members.map((member, number) => `${member.name} ${number}`).join(", ");
      lines.push(`* \`${name}\`: ${values}\\`, `  ${notice.replace("@notice ", "")}`);
    } else if (nodeType === "StructDefinition") {
      lines.push(`* \`${name}\`\\`, `  ${notice.replace("@notice ", "")}`);
      const comments = new Map(params.map((text) => [text.split(" ")[0], text.slice(text.indexOf(" ") + 1)]));
      for (const { name: field, typeDescriptions } of members) {
        const type = typeDescriptions.typeString.replace(/^enum /, "");
        lines.push(`  * \`${type} ${field}\`: ${comments.get(field)}`);
      }
    }
  }
  return [...lines, ""].join("\n");
}

/** Say what a contract offers; what it has from Task or OpenZeppelin, it names only. */
function contractSection(name, contract, bases) {
  const lines = [`## ${name}`, "", [contract.devdoc.title, contract.userdoc.notice].filter(Boolean).join(" "), ""];
  const isDapp = name.endsWith("Task") && name !== "Task";
  const named = { Task: new Set(), OpenZeppelin: new Set() };
  for (const [type, heading, group] of KINDS) {
    const described = [];
    for (const entry of contract.abi.filter((each) => each.type === type)) {
      const signature = signatureOf(entry);
      const { notice } = commentOf(contract.userdoc, group, signature);
      if (isDapp && bases.Task.has(signature)) named.Task.add(`\`${entry.name}\``);
      else if (notice) described.push(...describe(entry, group, contract));
      else if (bases.OpenZeppelin.has(signature)) named.OpenZeppelin.add(`\`${entry.name}\``);
      else throw new Error(`${name}.${signature} has no @notice`);
    }
    if (described.length > 0) lines.push(`### ${heading} of ${name}`, "", ...described, "");
  }
  for (const [owner, names] of Object.entries(named)) {
    if (names.size > 0) lines.push(`From ${owner}: ${[...names].sort().join(", ")}.`, "");
  }
  return lines.join("\n");
}

function signaturesOf(contracts) {
  return new Set(contracts.flatMap(({ abi }) => abi.filter(({ name }) => name).map(signatureOf)));
}

/** The page about the contracts: each function, event and error. Throws if one has no comment. */
export function contractsPage(names, { ours, imported, trees }) {
  const bases = { Task: signaturesOf([ours.Task]), OpenZeppelin: signaturesOf(Object.values(imported)) };
  const introduction = [
    "# The contracts",
    "",
    BANNER,
    "",
    "Amounts are in the token's smallest unit (RLC: 10<sup>-9</sup>), times in seconds of Unix time. When a call fails, it",
    "fails with one of the errors here and its arguments, and nothing has happened. What an attacker can do is told in",
    "[Security](../explanation/security.md), how to use all this in [How to write a dapp](../how-to/write-a-dapp.md), and",
    "what it costs in [Gas](gas.md).",
    "",
  ];
  const sections = names.map((name) => contractSection(name, ours[name], bases));
  return `${[...introduction, typesSection(trees["src/ITaskHub.sol"]), ...sections].join("\n").trimEnd()}\n`;
}

/** The page about gas, from the measurements by name. */
export function gasPage(figures, version) {
  const rows = Object.entries(figures).map(([name, gas]) => `| ${name} | ${Number(gas).toLocaleString("en")} |`);
  return [
    "# Gas",
    "",
    "<!-- written by contracts/build.mjs from contracts/snapshots/gas.json; `npm run measure` measures anew -->",
    "",
    "What each transaction costs, with its 21,000 gas and its data, in a hub in use: other tasks are pending, and payee and",
    `requester have had credit before. Compiled by solc ${version} for cancun with 200 runs of the optimizer, measured by`,
    "forge with each call a transaction of its own (`contracts/test/Gas.t.sol`); a test fails when a figure is not true.",
    "Deployments are to the nearest 1,000. The gas of a `finish` includes the callback's.",
    "",
    "| transaction | gas |",
    "|---|---:|",
    ...rows,
    "",
  ].join("\n");
}
