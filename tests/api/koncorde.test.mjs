// koncorde.test.mjs - filters on documents: kdm's matcher must say what npm's koncorde 4.7 says, on a fixed list of edge cases.
// Where the two differ on purpose, the case says what kdm answers instead and why.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Koncorde } from 'koncorde';
import { kdmd } from './lib/server.mjs';

let tool, answers;

before(() => {
  tool = spawn(path.join(path.dirname(kdmd), 'tests', 'koncorde_match'), { stdio: ['pipe', 'pipe', 'inherit'] });
  answers = createInterface({ input: tool.stdout })[Symbol.asyncIterator]();
});

after(async () => {
  tool.stdin.end();
  const code = await new Promise((resolve) => tool.once('exit', resolve));
  assert.equal(code, 0);
});

async function ours(filter, documents) {
  tool.stdin.write(`${JSON.stringify({ filter, documents })}\n`);
  const { value } = await answers.next();
  return JSON.parse(value);
}

/** koncorde keeps state in regular expressions and indexes, so each filter has one of its own. */
function theirs(filter, documents) {
  const koncorde = new Koncorde({ maxConditions: 100 });
  try {
    koncorde.register(filter);
  } catch (error) {
    return { error: error.message };
  }
  return { matches: documents.map((document) => koncorde.test(document).length > 0) };
}

async function same(filter, documents) {
  const [expected, answer] = [theirs(filter, documents), await ours(filter, documents)];
  if (expected.error !== undefined) {
    assert.ok(answer.error !== undefined, `${JSON.stringify(filter)}: koncorde refuses it: ${expected.error}`);
    return;
  }
  assert.equal(answer.error, undefined, JSON.stringify(filter));
  documents.forEach((document, i) => {
    assert.equal(answer.matches[i], expected.matches[i], `${JSON.stringify(filter)} on ${JSON.stringify(document)}`);
  });
}

/** kdm says `expected` where koncorde, because of `why`, does not. */
async function differs(why, filter, document, expected) {
  const [{ matches: [upstream] = [] }, answer] = [theirs(filter, [document]), await ours(filter, [document])];
  assert.notEqual(upstream, expected, `no difference any more: ${why}`);
  assert.equal(expected === 'error' ? answer.error !== undefined : answer.matches?.[0], expected === 'error' ? true : expected, why);
}

const values = [1, 0, -1, 1.5, 1e3, 1e300, 9007199254740991, 'a', '', '1', 'A', 'é', 'a\u0000b', true, false, null, [], {}, [1], ['a'],
  [null], [true, 'a', 1.5], [[1]], [{ b: 1 }], { b: 1 }, { b: { c: 'x' } }, { b: [1, 2, 2] }, { b: null }, [{ b: 1, c: 2 }, { b: 2 }]];
const documents = [{}, { z: 1 }, ...values.map((a) => ({ a })), ...values.map((c) => ({ a: { b: { c } } })), { 'a.b': 1 }, { 'a.b': { c: 1 } },
  { a: { 'b.c': 'a' } }, { _id: 'a' }, { _id: 'x', a: 1 }, { 'a[1]': 1 }, { 'a[': 2 }, { a: { b: 1 }, 'a.b': 'a' }, { 'a.b': 'a', a: { b: 1 } }];

describe('leaves on every kind of value', () => {
  const scalars = values.filter((value) => value === null || typeof value !== 'object');
  const filters = {
    equals: ['a', 'a.b', 'a.b.c', '_id'].flatMap((field) => scalars.map((value) => ({ equals: { [field]: value } }))),
    in: [{ in: { a: ['a', '1'] } }, { in: { 'a.b.c': ['a'] } }, { ids: { values: ['a', 'x'] } }],
    exists: ['a', 'a.b', 'a.b.c', 'a[1]', 'a["a"]', 'a[true]', 'a[null]', 'a[1.5]', 'a.b[2]', 'a.b.c["a"]', 'a\\[1\\]', 'a\\[', 'a[1', 'a[', 'a]', '[1]',
      'a[[1]]', 'a[{}]', 'a[1]b', 'a["]"]', '_id']
      .flatMap((field) => [{ exists: field }, { missing: field }, { exists: { field } }, { missing: { field } }]),
    range: [{ gt: 0 }, { gte: 1 }, { lt: 1 }, { lte: 1 }, { gt: 0, lt: 2 }, { gte: 1.5, lte: 1000 }, { gt: -1, lte: 0 }, { gte: 1000 }]
      .flatMap((range) => [{ range: { a: range } }, { range: { 'a.b.c': range } }]),
    regexp: ['a', '^a$', '^$', 'A', '1', 'é', '.', 'null', '^1$', '(a|b)', '[[:alpha:]]', '\\d+', 'a\\x00b'].flatMap((value) => [
      { regexp: { a: value } }, { regexp: { 'a.b.c': { value } } }, { regexp: { a: { value, flags: 'i' } } }]),
    match: [{ a: 1 }, { a: null }, { a: {} }, { a: [] }, { a: [1] }, { a: ['a', true] }, { a: { b: {} } }, { a: { b: [2, 2] } }, { a: { b: [2, 2, 2] } },
      { a: [{ b: 1 }] }, { a: [{ b: 2 }, { b: 1 }] }, { 'a.b': 1 }, { 'a.b.c': 'a' }, { a: { b: { c: null } } }, { _id: 'a' }, { a: 1, z: 1 }]
      .map((match) => ({ match })),
    select: [0, 1, -1, -2, 5, -5].flatMap((index) => [
      { select: { field: 'a', index, query: { equals: { value: 1 } } } },
      { select: { field: 'a', index, query: { exists: 'value' } } },
      { select: { field: 'a', index, query: { exists: 'value.b' } } },
      { select: { field: 'a', index, query: { and: [{ equals: { 'value.b': 1 } }, { missing: 'value.q' }] } } },
      { select: { field: 'a', index, query: { missing: '_id' } } }]),
  };

  for (const [keyword, list] of Object.entries(filters))
    test(`${keyword}: ${list.length} filters, as they are and negated, on ${documents.length} documents`, async () => {
      for (const filter of list) {
        await same(filter, documents);
        if (keyword !== 'select' && Object.keys(filter).length > 0)
          await same({ not: filter }, documents);
      }
    });
});

const points = [[48.8566, 2.3522], [43.6108, 3.8767], '48.8566,2.3522', '48.8566, 2.3522', 'u09tvw0', { lat: 43.6108, lon: 3.8767 },
  { latLon: [48.8566, 2.3522] }, { lat_lon: '43.6108,3.8767' }, { latLon: { lat: 1, lon: 1 } }, ['48.8566', '2.3522'], [0, 0], [1, 1],
  [2, 2], [0, 2], [1, 2], [89, 0], [-45.5, 170.25], [1, 2, 3], [1], 'abc', '', {}, { lat: 1 }, { lng: 1, lat: 1 }, 7, true, false, null,
  { latitude: 1, longitude: 1 }];
const places = [{}, ...points.map((place) => ({ place })), { place: { deep: [1, 1] } }];

describe('places', () => {
  const good = points.slice(0, 12);
  const distances = ['1m', '1 km', '600km', '594.811km', '594.812 km', '-5km', '3 258,55 Ft', '20mi', '100yd', '5 kilometers', '10 inches', '1dam'];
  const boxes = [{ top: 2, left: 0, bottom: 0, right: 2 }, { top: '49', left: '2', bottom: '48', right: '3' }, { topLeft: [2, 0], bottomRight: [0, 2] },
    { top_left: '49,2', bottom_right: { lat: 43, lon: 4 } }, { topLeft: { lat: 89.5, lon: -10 }, bottomRight: [-50, 175] }];
  const polygons = [[[0, 0], [0, 2], [2, 2], [2, 0]], [[0, 0], [2, 0], [2, 2]], [[48, 2], [49, 2], [49, 3], '48,3', [48, 2]]];
  const filters = [
    ...good.flatMap((point) => distances.map((distance) => ({ geoDistance: { place: point, distance } }))),
    ...good.slice(0, 4).flatMap((point) => [['1m', '600km'], ['500 km', '600 km'], ['10m', '20m']]
      .map(([from, to]) => ({ geoDistanceRange: { place: point, from, to } }))),
    ...boxes.map((box) => ({ geoBoundingBox: { place: box } })),
    ...polygons.map((list) => ({ geoPolygon: { place: { points: list } } })),
  ];

  test(`${filters.length} areas, as they are and negated, on ${places.length} documents`, async () => {
    for (const filter of filters) {
      await same(filter, places);
      await same({ not: filter }, places);
    }
  });
});

describe('areas of every size', () => {
  // Numbers that are the same in every run.
  let state = 1;
  const number = (low, high) => {
    state = (state * 48271) % 2147483647;
    return Number((low + (state / 2147483647) * (high - low)).toFixed(4));
  };
  const scattered = (n, lat, lon, size) => Array.from({ length: n }, () => [number(lat - size, lat + size), number(lon - 2 * size, lon + 2 * size)]);
  const filters = [];
  const around = [];
  // Edges of thousands of kilometres: koncorde's lie on the ellipsoid, kdm's on a sphere, some hundredths of a degree apart.
  for (const size of [0.01, 0.1, 0.5, 8])
    for (const [lat, lon] of [[0, 0], [48, 2], [-35, 150], [60, -110]]) {
      filters.push({ geoPolygon: { place: { points: scattered(4, lat, lon, size) } } }, { geoPolygon: { place: { points: scattered(7, lat, lon, size) } } },
        { geoDistance: { place: [lat, lon], distance: `${size * 80}km` } }, { geoDistanceRange: { place: [lat, lon], from: `${size * 40}km`, to: `${size * 60}km` } });
      around.push(...scattered(40, lat, lon, size));
    }

  test(`${filters.length} areas, ${around.length} points`, async () => {
    for (const filter of filters)
      await same(filter, around.map((place) => ({ place })));
  });
});

describe('operators', () => {
  const [one, two, three] = [{ equals: { a: 1 } }, { exists: 'a.b' }, { range: { a: { gt: 0 } } }];
  const filters = [
    {}, { nothing: true }, { and: [one] }, { and: [one, two] }, { or: [one, two] }, { and: [{ or: [one, two] }, three] }, { not: { and: [one, three] } },
    { not: { or: [one, two] } }, { not: { not: one } }, { and: [one, { not: one }] }, { or: [one, { not: one }] },
    { bool: { must: [one, three] } }, { bool: { must: one } }, { bool: { must_not: [two, one] } }, { bool: { should: [one, two] } },
    { bool: { should_not: [one, three] } }, { bool: { must: [three], must_not: [two], should: [one, two], should_not: [{ exists: 'z' }] } },
    { not: { bool: { must: [one], should: [two, three] } } }, { and: [{ nothing: true }, one] }, { or: [{ nothing: true }, one] },
    { or: [{ and: [one, two] }, { and: [{ not: one }, { missing: 'z' }] }] },
    { and: [{ exists: 'a' }, { missing: 'a' }] }, { and: [{ equals: { a: 1 } }, { equals: { a: 2 } }] },
    { or: [{ range: { a: { gt: 0 } } }, { range: { a: { lte: 0 } } }] },
  ];

  test(`${filters.length} filters on ${documents.length} documents`, async () => {
    for (const filter of filters)
      await same(filter, documents);
  });
});

describe('what is no filter', () => {
  const filters = [
    { foo: 1 }, { equals: { a: 1 }, exists: 'a' }, { equals: {} }, { equals: { a: 1, b: 2 } }, { equals: { a: [] } }, { equals: { a: {} } },
    { equals: null }, { equals: 'a' }, { equals: [] }, { in: { a: [] } }, { in: { a: [1] } }, { in: { a: 'x' } }, { in: {} },
    { in: { a: ['x'], b: ['y'] } }, { ids: { values: [] } }, { ids: { values: [1] } }, { ids: {} }, { ids: { values: 'a' } }, { exists: '' },
    { exists: {} }, { exists: 1 }, { exists: { field: '' } }, { exists: { field: 1 } }, { exists: 'a[x]' },
    { exists: 'a[1,2]' }, { missing: '' }, { missing: {} }, { range: {} }, { range: { a: {} } }, { range: { a: { gt: 'x' } } },
    { range: { a: { foo: 1 } } }, { range: { a: { gt: 1, gte: 2 } } }, { range: { a: { lt: 1, lte: 2 } } }, { range: { a: { gt: 2, lt: 1 } } },
    { range: { a: { gte: 2, lte: 2 } } }, { range: { a: 1 } }, { range: { a: { gt: 1 }, b: { gt: 1 } } }, { regexp: { a: '(' } },
    { regexp: { a: '(?=x)' } }, { regexp: { a: '(a)\\1' } }, { regexp: { a: 1 } }, { regexp: {} }, { regexp: { a: {} } },
    { regexp: { a: { value: 'x', foo: 1 } } }, { regexp: { a: { flags: 'i' } } }, { regexp: { a: { value: 'x', flags: 1 } } }, { regexp: { a: '[' } },
    { regexp: { a: '*a' } }, { match: {} }, { match: [] }, { match: 1 }, { match: null }, { select: {} },
    { select: { field: 'a', index: 0 } }, { select: { field: 'a', index: 1.5, query: { exists: 'value' } } },
    { select: { field: 1, index: 0, query: { exists: 'value' } } }, { select: { field: 'a', index: 0, query: {} } },
    { select: { field: 'a', index: 0, query: { foo: 1 } } }, { and: [] }, { and: {} }, { and: [{}] }, { and: [1] }, { or: [] }, { or: 'x' },
    { not: [] }, { not: 1 }, { not: {} }, { bool: {} }, { bool: { foo: [] } }, { bool: { must: [] } }, { bool: [] }, { bool: { must: [{}] } },
    { geoDistance: {} }, { geoDistance: { a: [1, 2] } }, { geoDistance: { a: [1, 2], distance: 100 } }, { geoDistance: { a: [1, 2], distance: '100' } },
    { geoDistance: { a: [1, 2], distance: 'far' } }, { geoDistance: { a: [1], distance: '1m' } }, { geoDistance: { a: [1, 2], distance: '1 foot' } },
    { geoDistance: { a: [1, 2], distance: '1 nautical mile' } }, { geoDistance: { a: [1, 2], b: [1, 2], distance: '1m' } },
    { geoDistanceRange: { a: [1, 2], from: '2km', to: '1km' } }, { geoDistanceRange: { a: [1, 2], from: '1km', to: '1km' } },
    { geoDistanceRange: { a: [1, 2], from: '1km' } }, { geoDistanceRange: { a: [1, 2], from: 1, to: 2 } }, { geoBoundingBox: {} },
    { geoBoundingBox: { a: {} } }, { geoBoundingBox: { a: { top: 1, left: 1 } } }, { geoBoundingBox: { a: { topLeft: [1, 1], bottomRight: 'x' } } },
    { geoPolygon: { a: { points: [] } } }, { geoPolygon: { a: { points: [[0, 0], [1, 1]] } } }, { geoPolygon: { a: {} } },
    { geoPolygon: { a: { points: [[0, 0], [1, 1], 'x'] } } }, { geoPolygon: {} }, { geoPolygon: { a: { points: 'x' } } },
    { in: { a: Array.from({ length: 101 }, (_, i) => `v${i}`) } }, { and: Array.from({ length: 101 }, (_, i) => ({ equals: { a: i } })) },
    { not: { select: { field: 'a', index: 0, query: { exists: 'value' } } } },
    { geoBoundingBox: { a: { top: 1, left: 1, bottom: 2, right: 2 } } },
  ];

  test(`${filters.length} of them are refused by both`, async () => {
    for (const filter of filters) {
      const answer = await ours(filter, []);
      assert.ok(answer.error !== undefined, `kdm takes ${JSON.stringify(filter)}`);
      assert.ok(theirs(filter, []).error !== undefined, `koncorde takes ${JSON.stringify(filter)}`);
    }
  });
});

describe('where kdm differs', () => {
  test('bounds are exact', async () => {
    await differs('open bounds are the value and 1e-10, which vanishes in large numbers', { range: { a: { gt: 1e9 } } }, { a: 1e9 }, false);
    await differs('.. so a number may be in a range and in its negation', { not: { range: { a: { gte: 1e300 } } } }, { a: 1e300 }, false);
  });

  test('an element is found for each that is wanted, whatever their order', async () => {
    await differs('the first element that fits is taken', { match: { a: [{}, { x: 1 }] } }, { a: [{ x: 1 }, { y: 2 }] }, true);
  });

  test('a word with letters that geohashes have not is no place', async () => {
    await differs('they are read as if they were there', { not: { geoDistance: { place: [1, 1], distance: '1m' } } }, { place: 'nowhere' }, false);
  });

  test('what is not nothing is everything', async () => {
    await differs('it is taken and then fails when it is stored', { not: { nothing: true } }, { a: 1 }, true);
  });

  test('integers beyond 2^53 keep their digits', async () => {
    const filter = { equals: { a: 1 } }; // as text, since JavaScript can't write such numbers
    const documents = '[{"a":9007199254740993},{"a":9007199254740992}]';
    tool.stdin.write(`{"filter":${JSON.stringify(filter).replace('1', '9007199254740993')},"documents":${documents}}\n`);
    assert.deepEqual(JSON.parse((await answers.next()).value), { matches: [true, false] });
  });
});
