// axe-core judges, with all of its rules.

import axe from 'axe-core';

export async function violationsOf(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () =>
    (await globalThis.axe.run()).violations);
  return found.map(({ id, help, nodes }) =>
    ({ id, help, where: nodes.map((node) => node.html) }));
}
