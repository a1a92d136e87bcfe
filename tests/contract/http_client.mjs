// Requests as they are told, without a client's corrections.

import http from 'node:http';

const TEXT_LENGTH_MAX = 4 << 20;
const ANSWER_MS_MAX = 20000;

/* { status, headers, text }. An endless answer (events) is left once its head
 * is there; its text is ''. Throws where there is no answer. */
export function send(base, { method, target, headers = {}, body }, agent) {
  return new Promise((resolve, reject) => {
    const framed = body === undefined ? headers
      : { ...headers, 'content-length': Buffer.byteLength(body) };
    const request = http.request(base,
      { method, path: target, headers: framed, agent });
    request.setTimeout(ANSWER_MS_MAX, () => request.destroy(
      new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    request.once('error', reject);
    request.once('response', (response) => {
      const answer = { status: response.statusCode, headers: response.headers,
        text: '' };
      if (response.headers['content-type'] === 'text/event-stream') {
        response.once('error', () => {});
        request.destroy();
        resolve(answer);
        return;
      }
      response.setEncoding('latin1');
      response.on('data', (text) => {
        if (answer.text.length < TEXT_LENGTH_MAX) answer.text += text;
      });
      response.once('error', reject);
      response.once('end', () => {
        answer.text = Buffer.from(answer.text, 'latin1').toString('utf8');
        resolve(answer);
      });
    });
    request.end(body);
  });
}
