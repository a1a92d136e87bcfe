// Debian's Chromium, driven by playwright-core.

import { chromium } from 'playwright-core';

export function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // tests run as root, too
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/*
 * A viewer of its own, with a page whose troubles are kept: errors of scripts,
 * and whatever the Content-Security-Policy blocked. A test that expects none
 * looks at `page.troubles`.
 */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 }, ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(error.stack));
  page.on('console', (message) => {
    if (message.type() === 'error') page.troubles.push(message.text());
  });
  return page;
}
