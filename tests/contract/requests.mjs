// Requests made from the document: as it says, and as nobody should.

import fc from 'fast-check';

const LENGTH_MAX = 1200; // a little over what one parameter may have

/* What the document says of a parameter's values: examples, and the edges. */
export function toldValues({ schema = {}, example }) {
  const values = [example, schema.default, schema.const, ...schema.enum ?? [],
    schema.minimum, schema.maximum];
  return [...new Set(values.filter((value) => value !== undefined)
    .map(String))];
}

function edgesOf(schema = {}) {
  const edges = [];
  for (const edge of [schema.minimum, schema.maximum])
    if (edge !== undefined) edges.push(String(edge - 1), String(edge + 1));
  if (schema.maxLength !== undefined)
    edges.push('x'.repeat(schema.maxLength), 'x'.repeat(schema.maxLength + 1));
  return edges;
}

const anyText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.fullUnicodeString({ maxLength: 20 }),
  fc.integer().map(String),
  fc.double().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.uuid(),
  fc.constantFrom('', '0', '-1', '%', '%00', '..', '../../etc/passwd', "'--",
    'null', '\u0000', '\ud800', '9'.repeat(400), 'é'.repeat(LENGTH_MAX / 2)),
);

const either = (told, other) => (told.length === 0 ? other
  : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...told) },
    { weight: 1, arbitrary: other }));

/* What means something to the running services: `known` has values by a
 * parameter's name, or by its path and name, and bodies by operation. */
export const knownValues = (operation, { name }, known) =>
  known[`${operation.path} ${name}`] ?? known[name] ?? [];

function parameterValue(operation, parameter, known) {
  const told = [...toldValues(parameter),
    ...knownValues(operation, parameter, known)];
  const text = either(told, anyText);
  const edges = edgesOf(parameter.schema);
  return edges.length === 0 ? text
    : fc.oneof({ weight: 4, arbitrary: text },
      { weight: 1, arbitrary: fc.constantFrom(...edges) });
}

const encoded = (text) => {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ED%A0%80'; // half of a surrogate pair, as bytes
  }
};

/* { name: value } of those of one place: each required one mostly, each other
 * one sometimes. */
function valuesIn(place, operation, known) {
  const model = {};
  for (const parameter of operation.parameters) {
    if (parameter.in !== place) continue;
    model[parameter.name] = fc.oneof(
      { weight: parameter.required ? 15 : 1,
        arbitrary: parameterValue(operation, parameter, known) },
      { weight: parameter.required ? 1 : 4, arbitrary: fc.constant(undefined) },
    );
  }
  return fc.record(model).map((values) => Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined)));
}

function examplesIn(body) {
  return Object.values(body).flatMap((content) => [
    content.example,
    ...Object.values(content.examples ?? {}).map(({ value }) => value),
  ]).filter((value) => value !== undefined);
}

/* One member of the example is another value, or is gone. */
function changed(example) {
  if (example === null || typeof example !== 'object')
    return fc.jsonValue();
  const names = Object.keys(example);
  return fc.tuple(fc.constantFrom(...names, 'unknown'),
    fc.option(fc.jsonValue(), { nil: undefined }))
    .map(([name, value]) => (Array.isArray(example)
      ? [...example, value ?? null] : { ...example, [name]: value }));
}

function bodyOf(operation, known) {
  const types = Object.keys(operation.body);
  if (types.length === 0) return fc.constant(null);
  const examples = [...examplesIn(operation.body),
    ...known[`${operation.method} ${operation.path}`] ?? []];
  const text = (value) => (typeof value === 'string' ? value
    : JSON.stringify(value) ?? '');
  const texts = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...examples.map(text)) },
    { weight: 4,
      arbitrary: fc.constantFrom(...examples).chain(changed).map(text) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: anyText },
  );
  const type = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...types) },
    { weight: 1, arbitrary: fc.constantFrom('text/html', 'application/xml', '',
      'application/json; charset=latin1', 'application/json;charset=utf-8') });
  return fc.record({ type, text: texts });
}

const headerText = (text) => text.replace(/[^\x20-\x7e\xa0-\xff]/g, '?').trim();

function headersOf({ inHeader, inCookie, authorization, body }) {
  const headers = {};
  for (const [name, value] of Object.entries(inHeader))
    headers[name.toLowerCase()] = headerText(value);
  // libmicrohttpd 0.9.75 takes a value of one quote for a head that is too big,
  // and says so twice.
  for (const [name, value] of Object.entries(inCookie))
    headers.cookie = headerText(`${name}=${value.replaceAll('"', "'")}`);
  if (authorization !== null) headers.authorization = authorization;
  if (body !== null) headers['content-type'] = body.type;
  return headers;
}

function requestOf(operation, parts) {
  const target = operation.path.replace(/\{(\w+)\}/g,
    (_, name) => encoded(parts.inPath[name] ?? 'x'));
  const pairs = Object.entries(parts.inQuery).map(([name, value]) =>
    `${encoded(name)}=${encoded(value)}`);
  if (parts.doubled && pairs.length > 0) pairs.push(pairs[0]);
  if (parts.unknown !== null) pairs.push(`unknown=${encoded(parts.unknown)}`);
  if (parts.raw !== null) pairs.push(parts.raw);
  return {
    [fc.toStringMethod]: () => `${operation.method} ${target}`,
    operation,
    method: operation.method,
    target: target + (pairs.length > 0 ? `?${pairs.join('&')}` : ''),
    query: parts.inQuery,
    headers: headersOf(parts),
    body: parts.body?.text,
  };
}

const seldom = (arbitrary, otherwise) => fc.oneof(
  { weight: 19, arbitrary: fc.constant(otherwise) }, { weight: 1, arbitrary });

/* Requests of the operation: many as it is documented, many not quite. */
export function requestsOf(operation, known, authorizations) {
  return fc.record({
    inPath: valuesIn('path', operation, known),
    inQuery: valuesIn('query', operation, known),
    inHeader: valuesIn('header', operation, known),
    inCookie: valuesIn('cookie', operation, known),
    doubled: seldom(fc.constant(true), false),
    unknown: seldom(anyText, null),
    raw: seldom(fc.constantFrom('%zz', '=', '&&', '%C3%28', '\u00ff\u00fe',
      'a=b=c', '?', '[]=1'), null),
    authorization: fc.constantFrom(...authorizations),
    body: bodyOf(operation, known),
  }).map((parts) => requestOf(operation, parts));
}

/* The plain request of an operation: the parameters that must be there, and
 * what `more` has. */
export function plainRequest(operation, known, more = {}) {
  const values = { query: {}, path: {}, header: {}, cookie: {} };
  for (const parameter of operation.parameters) {
    const value = more[parameter.name] ?? (parameter.required
      ? [...knownValues(operation, parameter, known),
        ...toldValues(parameter)][0] : undefined);
    if (value !== undefined) values[parameter.in][parameter.name] = value;
  }
  const types = Object.keys(operation.body);
  const example = known[`${operation.method} ${operation.path}`]?.[0]
    ?? examplesIn(operation.body)[0];
  return requestOf(operation, {
    inPath: values.path,
    inQuery: values.query,
    inHeader: values.header,
    inCookie: values.cookie,
    doubled: false,
    unknown: null,
    raw: null,
    authorization: more.authorization ?? null,
    body: types.length === 0 ? null
      : { type: types[0],
        text: typeof example === 'string' ? example
          : JSON.stringify(example) },
  });
}
