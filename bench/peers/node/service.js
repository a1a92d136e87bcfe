// What both peers are around their ingest: HTTP by express, the queue by
// amqplib. PORT, RABBIT and HISTORY_DB as history has them.
import amqp from "amqplib";
import express from "express";

const QUEUE = "history.viewed";

export async function consume(prefetch, take) {
  const connection = await amqp.connect(process.env.RABBIT);
  const channel = await connection.createChannel();
  await channel.prefetch(prefetch);
  await channel.consume(QUEUE, (message) => take(channel, message));
  process.on("SIGTERM", async () => {
    await connection.close(); // after the acks that are on their way
    process.exit(0);
  });
}

export function serve(views, post) {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(express.json());
  app.get("/history", (request, response) => {
    const { userId, skip, limit } = request.query;
    response.json(
      views.page({
        userId,
        skip: skip && Number(skip),
        limit: limit && Number(limit),
      }),
    );
  });
  app.post("/viewed", post);
  app.get("/healthz", (request, response) => response.json({ status: "alive" }));
  return app.listen(Number(process.env.PORT), "127.0.0.1");
}
