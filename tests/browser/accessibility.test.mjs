// Claims about both pages for those who do not see them, or not well, or see
// them on a small screen. axe-core judges, with all of its rules.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violationsOf } from './axe.mjs';
import { openBrowser, openPage } from './browser.mjs';
import { play, VIDEO, viewerOf } from './player.mjs';
import { openServices } from '../support/services.mjs';

const CLIPS = 12; // a list so long that it can be searched
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 640 }; // 1280 at a zoom of 400 %

let services;
let browser;
before(async () => {
  const broken = Buffer.alloc(4096, 'no video');
  const clips = Array.from({ length: CLIPS }, (_, number) =>
    [`clip_${number}_of_a_rather_long_name.mp4`, broken]);
  services = await openServices({
    more: { 'broken.mp4': broken, ...Object.fromEntries(clips) },
  });
  browser = await openBrowser();
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

async function addViewsOf(userId) {
  for (const [number, more] of [{ position: 12, duration: 30, rule: 'played' },
    { position: 3 }, { rule: 'bytes' }].entries())
    await services.addView({ userId, video: { id: VIDEO },
      viewedAt: new Date(Date.UTC(2026, 0, 1, 12, number)).toISOString(),
      ...more });
  await services.addView({ videoPath: '/videos/without_a_viewer.mp4' });
}

const states = {
  'the player, nothing watched': async (page) => {
    await page.goto(services.streaming.url);
    await page.waitForSelector('#history-empty:visible');
  },
  'the player, playing, with a history': async (page) => {
    await page.goto(`${services.streaming.url}/#${VIDEO}`);
    await addViewsOf(await viewerOf(page));
    await page.waitForSelector('#views li');
    await play(page);
    await page.focus('#videos a[aria-current]');
  },
  'the player, in trouble': async (page) => {
    await page.goto(`${services.streaming.url}/#broken.mp4`);
    await page.waitForSelector('#player-notice:visible');
  },
  'the history, with views': async (page) => {
    await addViewsOf('anna@example.org');
    await page.goto(services.history.url);
    await page.waitForSelector('#rows tr');
    await services.addView({ userId: 'new@example.org', video: { id: VIDEO } });
    await page.waitForSelector('#rows tr.fresh');
    await page.focus('#rows a');
  },
  'the history, filtered': async (page) => {
    await page.goto(`${services.history.url}/?userId=anna%40example.org`);
    await page.waitForSelector('#rows tr');
    await page.waitForSelector('#continued li');
  },
  'the history, a view removed': async (page) => {
    for (const id of [VIDEO, 'another.mp4'])
      await services.addView({ userId: 'ben', video: { id } });
    await page.goto(`${services.history.url}/?userId=ben`);
    await page.click('#rows .remove button');
    await page.waitForSelector('#removed:visible');
    await page.waitForSelector('#most li');
  },
  'the history, nothing found': async (page) => {
    await page.goto(`${services.history.url}/?userId=nobody`);
    await page.waitForSelector('#empty:visible');
  },
  'the document of the API': async (page) => {
    await page.goto(`${services.history.url}/docs`);
    await page.waitForSelector('.operation');
  },
  'the history, in trouble': async (page) => {
    await page.goto(`${services.history.url}/?cursor=none`);
    await page.waitForSelector('#notice:visible');
  },
};

for (const colorScheme of ['light', 'dark']) {
  for (const [width, viewport] of Object.entries({ WIDE, NARROW })) {
    for (const [state, arrange] of Object.entries(states)) {
      test(`${state}: no violations, ${colorScheme}, ${width}`, async () => {
        // Without motion, so that no colour is judged halfway.
        const page = await openPage(browser,
          { colorScheme, viewport, reducedMotion: 'reduce' });
        await arrange(page);
        assert.deepEqual(await violationsOf(page), []);
        const overhang_px = await page.evaluate(() =>
          document.documentElement.scrollWidth - innerWidth);
        assert.ok(overhang_px <= 0, `${overhang_px} px beyond the side`);
        await page.context().close();
      });
    }
  }
}

test('a long list of videos can be searched by the keyboard', async () => {
  const page = await openPage(browser);
  await page.goto(services.streaming.url);
  await page.getByRole('searchbox', { name: 'Find a video' }).focus();
  await page.keyboard.type('CLIP 7');
  await page.waitForFunction(() =>
    document.querySelectorAll('#videos li').length === 1);
  await page.keyboard.type('nothing');
  await page.waitForSelector('#videos-empty:visible');
  assert.match(await page.textContent('#videos-empty'), /No video has/);
  await page.context().close();
});

test('the narrow history is still a table to a screen reader', async () => {
  const page = await openPage(browser, { viewport: NARROW });
  await page.goto(services.history.url);
  await page.waitForSelector('#rows tr');
  assert.equal(await page.getByRole('table').count(), 1);
  assert.equal(await page.getByRole('columnheader').count(), 5);
  assert.ok(await page.getByRole('rowheader').count() > 0);
  assert.ok(await page.getByRole('cell').count() > 0);
  await page.context().close();
});
