// The list of faults (tests/faults.json), and the table of what came of them.
//
//   report.mjs tests SUITE [PART]   the arguments that have a suite's executable run what shows these faults
//   report.mjs table RUN [PART]     reads what the suites have reported in the folder RUN, writes RUN/faults.md and RUN/faults.json, and prints the table
//
// A fault of which no test ran, or none says what it saw, is one that nothing is known of: that fails like a broken promise. So does a number that is promised
// and that nobody measured, or that is larger than promised.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [command, where, part = ""] = process.argv.slice(2);
const wanted = part.toLowerCase();
const faults = JSON.parse(readFileSync(new URL("../../../tests/faults.json", import.meta.url), "utf8"))
  .filter(({ part: chapter, fault, tests }) => [chapter, fault, ...tests].some((text) => text.toLowerCase().includes(wanted)));
const lines = (file) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)) : []);

// Null where it is shown without a bound: the promised second to the cut is one of an agent with processors of its own.
const promised = {
  lost: 0, duplicates: 0, gaps: 0, "fail-over of a projection, s": 5, "fail-over of a publisher, s": 5,
  "revoked, 200 sessions idle: p50 ms to the cut": null, "revoked, 200 sessions idle: p99 ms to the cut": null,
  "revoked, 200 sessions busy: p50 ms to the cut": null, "revoked, 200 sessions busy: p99 ms to the cut": null,
};

const listTests = () => {
  if (faults.length === 0) {
    process.exit(1);
  }
  const tests = faults.flatMap((fault) => fault.tests).filter((test) => test.startsWith(`${where}.`));
  for (const test of new Set(tests)) {
    console.log(`-method\n*.${test.slice(where.length + 1)}`);
  }
};

// "Class.Method" of each test that ran; a theory ran once for each of its rows
const read = (suite) => {
  const file = `${where}/faults-${suite}.json`;
  const tests = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).results.tests : [];
  return tests.map(({ name, status, duration, message }) => {
    const [, type, method] = /^(?:.*?\.)?(\w+)\.(\w+)(?:\(|$)/s.exec(name.split("(")[0]) ?? [];
    return { test: `${suite}.${type}.${method}`, passed: status === "passed", ran: status !== "skipped" && status !== "other", duration, message };
  });
};

const sentence = (test) => test.split(".").at(-1).replace(/^P\d+[a-z]?_/, "").replaceAll("_", " ");
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const table = () => {
  const ran = ["Unit", "Integration", "EndToEnd"].flatMap(read).filter((test) => test.ran);
  const saw = lines(`${where}/faults.ndjson`);
  const rows = faults.map(({ part: chapter, fault, promise, tests }) => {
    const of = tests.map((test) => ({ test, runs: ran.filter((run) => run.test === test) }));
    const missing = of.filter(({ runs }) => runs.length === 0).map(({ test }) => test);
    const failed = of.flatMap(({ runs }) => runs).filter((run) => !run.passed);
    const told = [...new Set(saw.filter((line) => tests.includes(line.test)).map((line) => line.saw))];
    const silent = missing.length + failed.length + told.length === 0;
    const seen = [
      ...missing.map((test) => `did not run: ${test}`),
      ...failed.map((run) => `FAILED: ${sentence(run.test)}: ${(run.message ?? "").split("\n")[0]}`),
      ...(silent ? ["no test says what it saw"] : told),
    ];
    const seconds = of.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.duration, 0) / 1000;
    return { part: chapter, fault, promise, held: !silent && missing.length + failed.length === 0, seen, tests, seconds };
  });

  const numbers = {};
  for (const line of saw) {
    for (const [name, value] of Object.entries(line.numbers)) {
      // what must not be adds up; of times the longest counts
      numbers[name] = ["lost", "duplicates", "gaps"].includes(name) ? (numbers[name] ?? 0) + value : Math.max(numbers[name] ?? 0, value);
    }
  }
  const broken = rows.filter((row) => !row.held);
  const amiss = Object.entries(promised).flatMap(([name, most]) =>
    numbers[name] === undefined ? (wanted === "" ? [`${name}: nobody measured it`] : []) :
    most !== null && numbers[name] > most ? [`${name}: ${numbers[name]} instead of ${most} at most`] : []);
  const words = { lost: "operations lost", duplicates: "duplicates in the log", gaps: "gaps in transcripts" };
  const told = Object.entries(numbers).map(([name, value]) => [words[name] ?? name, `${Math.round(value * 10) / 10}`]);
  const markdown = [
    "| | fault | promised | seen | s |", "|---|---|---|---|---:|",
    ...rows.map((row) => `| ${row.held ? "held" : "**BROKEN**"} | ${cell(row.fault)} | ${cell(row.promise)} | ${cell(row.seen.join("; "))} | ${row.seconds.toFixed(1)} |`),
    "", "| number | |", "|---|---:|", ...told.map(([name, value]) => `| ${name} | ${value} |`), "",
  ].join("\n");
  writeFileSync(`${where}/faults.md`, markdown);
  writeFileSync(`${where}/faults.json`, `${JSON.stringify({ rows, numbers }, null, 2)}\n`);

  let chapter = "";
  for (const row of rows) {
    if (row.part !== chapter) {
      chapter = row.part;
      console.log(`\n${chapter}`);
    }
    console.log(`${row.held ? "✓" : "✗"} ${row.fault}\n    promised: ${row.promise}\n    seen:     ${row.seen.join("\n              ")} (${row.seconds.toFixed(1)} s)`);
  }
  console.log("");
  told.forEach(([name, value]) => console.log(`${name}: ${value}`));
  console.log(`${rows.length - broken.length} of ${rows.length} promises held; the table is in ${where}/faults.md`);
  amiss.forEach((what) => console.log(`✗ ${what}`));
  process.exitCode = broken.length + amiss.length > 0 ? 1 : 0;
};

({ tests: listTests, table })[command]();
