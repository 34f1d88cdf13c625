// How the pages look: each is pictured wide and narrow, light and dark, and judged by rules for people who do not see well.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { add, expect, signIn, test } from './shop.ts';

test.use({ javaScriptEnabled: true });

const sizes = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };

async function judge(page: Page, name: string) {
  await page.screenshot({ path: `${test.info().project.outputDir}/pictures/${name}.png`, fullPage: true });
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overhang, `${name} is wider than the window`).toBe(0);
  // The rules see colours and structure; what depends on the width is worst where it is narrow.
  if (name.startsWith('wide')) return;
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${name}: ${id}: ${node.html}: ${node.failureSummary}`));
  expect.soft(found).toEqual([]);
}

for (const [width, viewport] of Object.entries(sizes)) {
  for (const theme of ['light', 'dark'] as const) {
    test(`every page is legible, ${width} and ${theme}`, async ({ page, browser, baseURL }) => {
      test.setTimeout(60_000);
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: theme });
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));

      await page.goto('/');
      if (theme === 'dark') await page.getByRole('button', { name: 'Dark theme' }).click();
      await judge(page, `${width}-${theme}-first`);
      for (const tea of ['Sencha', 'Oolong', 'Oolong']) await add(page, tea);
      await judge(page, `${width}-${theme}-cart`);
      await signIn(page, 'Ada', 'wrong');
      await judge(page, `${width}-${theme}-wrong-password`);
      await signIn(page, 'Staff');
      await judge(page, `${width}-${theme}-signed-in`);
      await page.goto('/devices');
      await judge(page, `${width}-${theme}-one-device`);

      const elsewhere = await (await browser.newContext({ baseURL })).newPage();
      await signIn(elsewhere, 'Staff');
      await page.goto('/devices');
      await judge(page, `${width}-${theme}-two-devices`);

      await page.goto('/lab?try=slow-request');
      await judge(page, `${width}-${theme}-lab`);

      await page.goto('/admin/');
      await judge(page, `${width}-${theme}-admin-sessions`);
      await page.locator('a[href^="session?"]').first().click();
      await judge(page, `${width}-${theme}-admin-session`);
      await page.goBack();
      await page.locator('a[href^="user?"]').first().click();
      await judge(page, `${width}-${theme}-admin-user`);
      await page.goto('/admin/schemas');
      await judge(page, `${width}-${theme}-admin-schemas`);
      await page.goto('/admin/events');
      const hidden = await page.locator('.scrolls').evaluate((box) => box.scrollWidth - box.clientWidth);
      expect(hidden, 'the last number is in its box').toBe(0);
      await judge(page, `${width}-${theme}-admin-events`);
      await page.goto('/admin/health');
      await judge(page, `${width}-${theme}-admin-health`);
      expect(complaints).toEqual([]);

      await elsewhere.goto('/devices');
      await elsewhere.getByRole('button', { name: 'Sign out everywhere' }).click();
      await expect(elsewhere.getByRole('status')).toBeVisible();
      await page.goto('/');
      await judge(page, `${width}-${theme}-ended-elsewhere`);
      await page.goto('/none');
      await judge(page, `${width}-${theme}-missing`);
      await page.goto('/admin/');
      await judge(page, `${width}-${theme}-refused`);
    });
  }
}
