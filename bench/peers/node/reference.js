// As the Node example does it: each message is inserted and acknowledged by
// itself. What it does not have and this does: a queue that lives on, an id,
// and a commit that is on disk.
import { consume, serve } from "./service.js";
import { openViews } from "./views_table.js";

const PREFETCH = 2000;

const views = openViews(process.env.HISTORY_DB);
serve(views, (request, response) => {
  views.add(request.body);
  response.send("OK");
});
await consume(PREFETCH, (channel, message) => {
  views.add(JSON.parse(message.content.toString()));
  channel.ack(message);
});
