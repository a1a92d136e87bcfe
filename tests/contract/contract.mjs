// What Prism finds wrong with an answer (or a request), by the document that
// the service itself serves. Prism knows nothing of our code.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { getHttpOperationsFromSpec } = require('@stoplight/prism-http');
const { validateInput, validateOutput } = require(
  '@stoplight/prism-http/dist/validator/index.js');

/* Prism's operations of a service, each with `parameters` and `body` as the
 * document has them, their references resolved. */
export async function operationsOf(document, service) {
  const operations = await getHttpOperationsFromSpec(
    structuredClone(document));
  const resolve = (part) => (part?.$ref === undefined ? part
    : part.$ref.slice(2).split('/').reduce((at, name) => at[name], document));
  return operations.map((operation) => {
    const path = document.paths[operation.path];
    const told = path[operation.method];
    return {
      validated: operation,
      method: operation.method.toUpperCase(),
      path: operation.path,
      tags: told.tags,
      parameters: [...path.parameters ?? [], ...told.parameters ?? []]
        .map(resolve)
        .filter((one) => (one['x-service'] ?? service) === service),
      body: Object.fromEntries(Object.entries(told.requestBody?.content ?? {})
        .map(([type, content]) => [type, { ...content,
          example: content.example ?? resolve(content.schema)?.example }])),
      responses: Object.keys(told.responses),
    };
  }).filter(({ tags }) => tags.includes(service));
}

function contentOf(answer) {
  const type = answer.headers['content-type'] ?? '';
  if (!/[/+]json\b/.test(type)) return answer.text;
  return JSON.parse(answer.text);
}

const words = (outcome) => (outcome._tag === 'Right' ? []
  : outcome.left.map((one) => [...one.path ?? [], one.message].join(' ')));

/* What is wrong with the answer, in words; none: it is as documented. */
export function mismatches(operation, answer) {
  const headers = Object.fromEntries(Object.entries(answer.headers)
    .map(([name, value]) => [name, [value].flat().join(', ')]));
  const element = { statusCode: answer.status, headers };
  if (answer.headers['content-type'] === undefined && answer.text !== '')
    return ['a body without a content type'];
  const isBodiless = operation.method === 'HEAD' || answer.status === 304;
  if (answer.headers['content-type'] !== undefined && !isBodiless) {
    try {
      element.body = contentOf(answer);
    } catch (error) {
      return [`no JSON: ${error.message}`];
    }
  }
  return words(validateOutput({ resource: operation.validated, element }));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/* Why the document does not allow the request; none: it does, as far as a
 * schema can tell. `query` and `headers` have one value a name. */
export function refusals(operation, { target, query, headers, body: text }) {
  const isJson = /^application\/json\b/.test(headers['content-type']);
  const body = isJson && text !== undefined ? parsed(text) : text;
  const path = target.split('?')[0];
  try {
    decodeURIComponent(path);
  } catch (error) {
    return [`path: ${error.message}`]; // Prism would throw it
  }
  return words(validateInput({
    resource: operation.validated,
    element: {
      method: operation.validated.method,
      url: { path, query },
      headers,
      body,
    },
  }));
}
