// What npm's koncorde costs on the same filters and documents as matcher.c; the same arguments, the same output.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { Koncorde } = require(path.join(__dirname, "../api/node_modules/koncorde"));

function lines(file, most) {
  return fs.readFileSync(file, "utf8").split("\n", most).filter((line) => line !== "");
}

function now() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function matchAll(koncorde, documents, seconds) {
  const start = now();
  let done = 0, found = 0, spent;
  do {
    for (const document of documents)
      found += koncorde.test(document).length;
    done += documents.length;
    spent = now() - start;
  } while (spent < seconds);
  return { us: (spent / done) * 1e6, found: found / (done / documents.length) };
}

const [filterFile, documentFile, count, seconds] = process.argv.slice(2);
const filters = lines(filterFile, Number(count)).map((line) => JSON.parse(line));
const documents = lines(documentFile).map((text) => JSON.parse(text));
const koncorde = new Koncorde({ maxConditions: 1000, seed: Buffer.alloc(32) });

global.gc();
const before = process.memoryUsage();
let start = now();
const normalized = filters.map((filter) => koncorde.normalize(filter));
const parse = now() - start;
start = now();
const ids = normalized.map((filter) => koncorde.store(filter));
const add = now() - start;
normalized.length = 0;
global.gc();
const after = process.memoryUsage();
const match = matchAll(koncorde, documents, Number(seconds));
start = now();
const removed = ids.slice(0, 1000);
for (const id of removed)
  koncorde.remove(id);
console.log(JSON.stringify({
  filters: filters.length, rooms: new Set(ids).size, documents: documents.length, found: match.found,
  match_us: match.us, parse_us: (parse / filters.length) * 1e6, add_us: (add / filters.length) * 1e6,
  remove_us: ((now() - start) / removed.length) * 1e6,
  bytes: (after.rss - before.rss) / filters.length,
}));
