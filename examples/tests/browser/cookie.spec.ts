// The cookie as a browser sees it.
import { mkdir, writeFile } from 'node:fs/promises';

import { add, count, expect, notice, test } from './shop.ts';

test.describe('on plain HTTP', () => {
  test.use({ javaScriptEnabled: true });

  test('the cookie is closed to scripts and ends with the browser', async ({ page, context }) => {
    await page.goto('/');
    await add(page, 'Mint');
    await expect(count(page)).toHaveText('Cart 1');
    const attributes = { name: 'insecure-sid', domain: '127.0.0.1', path: '/', httpOnly: true, secure: false, sameSite: 'Lax', expires: -1 };
    expect(await context.cookies()).toEqual([expect.objectContaining(attributes)]);
    expect(await page.evaluate(() => document.cookie)).toBe('');
  });
});

test.describe('behind TLS', () => {
  test.use({ options: ['--behind-tls'] });

  test('the browser takes the cookie as one of this host alone, over TLS alone', async ({ page, context }) => {
    await page.goto('/'); // the browser trusts the loopback address as it trusts TLS
    await add(page, 'Mint');
    await expect(count(page)).toHaveText('Cart 1');
    const attributes = { name: '__Host-sid', domain: '127.0.0.1', path: '/', httpOnly: true, secure: true, sameSite: 'Lax', expires: -1 };
    expect(await context.cookies()).toEqual([expect.objectContaining(attributes)]);
  });
});

test('a browser that takes no cookies is told so', async ({ playwright, launchOptions, shop }) => {
  const profile = test.info().outputPath('profile');
  await mkdir(`${profile}/Default`, { recursive: true });
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(`${profile}/Default/Preferences`, JSON.stringify(settings));
  const context = await playwright.chromium.launchPersistentContext(profile, { ...launchOptions, javaScriptEnabled: false });
  const [page] = context.pages();
  await page.goto(shop.address);
  await expect(notice(page)).toHaveCount(0);
  await add(page, 'Mint');
  await expect(notice(page)).toContainText('Allow cookies for this page.');
  await expect(count(page)).toHaveText('Cart 0');
  await context.close();
});

test('the page of another site cannot send the shop’s forms', async ({ page, shop }) => {
  await page.goto('/');
  await add(page, 'Mint');
  const form = `<form method=post action="${shop.address}/cart/add"><button name=sku value=11>Win a prize</button></form>`;
  await page.route('http://elsewhere.test/', (route) => route.fulfill({ contentType: 'text/html', body: form }));
  await page.goto('http://elsewhere.test/');
  const answer = page.waitForResponse(`${shop.address}/cart/add`);
  await page.getByRole('button', { name: 'Win a prize' }).click();
  expect((await answer).status()).toBe(403);
  await page.goto(shop.address);
  await expect(count(page)).toHaveText('Cart 1');
});

test('a link of another site finds the visitor’s session', async ({ page, shop }) => {
  await page.goto('/');
  await add(page, 'Mint');
  await expect(notice(page)).toBeVisible();
  const link = `<a href="${shop.address}/">The shop</a>`;
  await page.route('http://elsewhere.test/', (route) => route.fulfill({ contentType: 'text/html', body: link }));
  await page.goto('http://elsewhere.test/');
  await page.getByRole('link', { name: 'The shop' }).click();
  await expect(count(page)).toHaveText('Cart 1');
});
