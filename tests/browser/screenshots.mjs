// Makes the pictures of the pages from the real services: docs/player.png and
// docs/history.png of the README, and those of docs/PAGES.md in docs/pages/:
//   FLIXTUBE_BIN=build/release/bin node tests/browser/screenshots.mjs

import fs from 'node:fs';
import path from 'node:path';

import { openBrowser, openPage } from './browser.mjs';
import { ROOT } from '../support/broker.mjs';
import { pause, ready, viewerOf } from './player.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

const MINUTE_MS = 60000;
const DAY_MINUTES = 1440;
const SHOWN_AT_S = 14; // a moment after the view counted
const WIDE = { width: 1280, height: 860 };
const NARROW = { width: 390, height: 844 };
const LOOK = { locale: 'en-GB', reducedMotion: 'reduce' };
const FOLDER = path.join(ROOT, 'docs/pages');

const others = ['9c1f7a52-8f0e-4f57-b2a4-6d1c0e9f8a77',
  'e3a9c6d1-55b2-4c1e-8e7d-90ab12cd34ef', 'anna@example.org'];

/* A view of so many minutes ago, by `mine` or another viewer. */
async function addView(services, video, userId, minutes, share) {
  const { duration } = video;
  await services.addView({
    userId,
    video: { id: video.id },
    videoPath: `/videos/${video.id}`,
    viewedAt: new Date(Date.now() - minutes * MINUTE_MS).toISOString(),
    duration,
    ...(share === null ? { rule: 'bytes' }
      : { position: Math.round(duration * share * 10) / 10, rule: 'played' }),
  });
}

async function addPast(services, videos, mine) {
  const one = videos[0];
  const two = videos.at(-1);
  const past = [
    [two, mine, 3, 0.92], [one, others[2], 8, 0.41], [two, others[0], 17, 1],
    [one, mine, 26, 0.55], [two, others[1], 44, null], [one, mine, 61, 1],
    [one, others[0], 95, 0.34], [two, others[2], 130, 0.78],
    [two, mine, 1510, 0.67], [one, others[1], 1544, 0.88],
  ];
  for (const [video, userId, minutes, share] of past)
    await addView(services, video, userId, minutes, share);
  for (let day = 2; day < 30; day++) // a month of more and less
    for (let n = 0; n < 1 + (day * 7) % 5 + (day % 7 < 2 ? 3 : 0); n++)
      await addView(services, n % 3 ? one : two, others[(n + day) % 3],
        day * DAY_MINUTES + 37 * n, 0.2 + (n * 0.23) % 0.8);
}

async function makeTrouble(services) {
  await services.broker.publish('{"video":{"id":7}}');
  await services.broker.publish('no JSON at all');
  await eventually('there are dead letters', async () =>
    (await services.history.getJson('/dead')).letters.length === 2);
}

async function play(page) {
  await ready(page);
  await page.$eval('video', (video) => {
    video.muted = true;
    return video.play();
  });
  await page.waitForFunction((at_s) => {
    const video = document.querySelector('video');
    return video.ended || video.currentTime >= at_s;
  }, SHOWN_AT_S);
  await page.waitForSelector('#count.done');
  await pause(page);
  await page.waitForSelector('#views li.fresh', { state: 'detached' });
}

const pagesOf = ({ history, streaming }) => ({
  history: [history.url, '#most li'],
  viewer: [`${history.url}/?userId=anna%40example.org`, '#continued li'],
  operator: [`${history.url}/operator`, '#rows tr'],
  player: [`${streaming.url}/#SampleVideo_1280x720_1mb.mp4`, '#videos li'],
});

/* A frame of the video is painted, and the operator's page has its rate. */
async function settle(page) {
  await page.evaluate(async () => {
    const video = document.querySelector('video');
    if (video === null) return;
    const seeked = new Promise((resolve) => {
      video.requestVideoFrameCallback(resolve);
    });
    video.currentTime = 4;
    await seeked;
  });
  await page.waitForFunction(() =>
    document.getElementById('rate')?.textContent !== '…');
}

async function shootAll(browser, services) {
  fs.mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ['light', 'dark'])
    for (const [size, viewport] of [['wide', WIDE], ['narrow', NARROW]])
      for (const [name, [url, shown]] of Object.entries(pagesOf(services))) {
        const page = await openPage(browser,
          { ...LOOK, colorScheme, viewport });
        await page.goto(url);
        await page.waitForSelector(shown);
        await settle(page);
        await page.screenshot({
          path: path.join(FOLDER, `${name}-${size}-${colorScheme}.png`) });
        await page.context().close();
      }
}

const services = await openServices({ historySettings: { ADMIN_API: 'on' } });
const browser = await openBrowser();
try {
  const { videos } = await services.streaming.getJson('/videos');
  const player = await openPage(browser,
    { ...LOOK, viewport: WIDE, colorScheme: 'light' });
  await player.goto(`${services.streaming.url}/#${
    encodeURIComponent(videos[0].id)}`);
  await addPast(services, videos, await viewerOf(player));
  await play(player);
  await player.screenshot({ path: path.join(ROOT, 'docs/player.png') });
  await makeTrouble(services);
  await shootAll(browser, services);
  fs.copyFileSync(path.join(FOLDER, 'history-wide-light.png'),
    path.join(ROOT, 'docs/history.png'));
} finally {
  await browser.close();
  await services.close();
}
