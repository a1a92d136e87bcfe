// What the tests do with the player page.

import { openPage } from './browser.mjs';

export const VIDEO = 'SampleVideo_1280x720_1mb.mp4'; // 30 s long
export const COUNTS_AFTER_S = 10;

export const timeOf = (page) =>
  page.$eval('video', (video) => video.currentTime);
export const play = (page) => page.$eval('video', (video) => video.play());
export const pause = (page) => page.$eval('video', (video) => video.pause());
export const seek = (page, seconds) => page.$eval('video',
  (video, to) => { video.currentTime = to; }, seconds);

export const ready = (page) =>
  page.waitForFunction(() => document.querySelector('video').readyState >= 2);

export const playedTo = (page, seconds) => page.waitForFunction(
  (to) => document.querySelector('video').currentTime >= to, seconds);

export async function openPlayer(browser, services, hash = `#${VIDEO}`) {
  const page = await openPage(browser);
  await page.goto(services.streaming.url + hash);
  await ready(page);
  return page;
}

export const viewerOf = (page) => page.evaluate(async () =>
  (await (await fetch('/viewer')).json()).userId);

// What the page reports and is answered, in order, as one object each.
export function answersOf(page) {
  const answers = [];
  page.on('response', async (response) => {
    if (!response.url().endsWith('/progress')) return;
    const answer = await response.json().catch(() => ({}));
    answers.push({ ...response.request().postDataJSON(), ...answer });
  });
  return answers;
}
