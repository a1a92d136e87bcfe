// The same stack, tuned as far as it goes without another design: batches of
// 500 in one transaction, one multiple ack for each, prepared statements, WAL.
import { consume, serve } from "./service.js";
import { openViews } from "./views_table.js";

const PREFETCH = 2000;
const BATCH = 500;
const LINGER_MS = 5;

const views = openViews(process.env.HISTORY_DB);

// POST: what came in while the last batch was committed makes the next.
let waiting = [];
const commitPosts = () => {
  const posts = waiting;
  waiting = [];
  views.addAll(posts.map((post) => post.view));
  for (const post of posts) post.response.json({ stored: true });
};
serve(views, (request, response) => {
  if (waiting.length === 0) setImmediate(commitPosts);
  waiting.push({ view: request.body, response });
});

let batch = [];
let last = null;
let timer = null;
const commitBatch = (channel) => {
  clearTimeout(timer);
  timer = null;
  views.addAll(batch);
  channel.ack(last, true);
  batch = [];
};
await consume(PREFETCH, (channel, message) => {
  batch.push(JSON.parse(message.content.toString()));
  last = message;
  if (batch.length === BATCH) commitBatch(channel);
  else timer ??= setTimeout(commitBatch, LINGER_MS, channel);
});
