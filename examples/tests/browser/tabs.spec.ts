// Several tabs of one browser, which share its cookie.
import { once } from 'node:events';
import { request } from 'node:http';

import { add, count, expect, notice, signIn, signOut, test } from './shop.ts';

test('two tabs that add at once both count', async ({ page, context }) => {
  await page.goto('/');
  await add(page, 'Mint');
  const other = await context.newPage();
  await other.goto('/');
  for (let round = 1; round <= 5; round++) {
    await Promise.all([add(page, 'Mint'), add(other, 'Sencha')]);
    await page.goto('/');
    await expect(count(page)).toHaveText(`Cart ${1 + 2 * round}`);
  }
});

test('a tab that stayed open sees the sign-out of another one', async ({ page, context }) => {
  await signIn(page, 'Ada');
  await add(page, 'Mint');
  const other = await context.newPage();
  await other.goto('/');
  await signOut(page);
  await expect(notice(page)).toContainText('You are signed out.');
  // The button belongs to the session that has ended.
  await other.getByRole('button', { name: 'Order' }).click();
  await expect(other.getByText('Hello, Ada')).toHaveCount(0);
  await expect(count(other)).toHaveText('Cart 0');
});

test('a request in the middle of a sign-out brings nothing back', async ({ page, context, shop }) => {
  await signIn(page, 'Ada');
  await expect(notice(page)).toHaveText('Welcome, Ada.');
  const [cookie] = await context.cookies();
  // The request of a slow tab: the shop has begun with it, and waits for the form.
  const form = 'sku=16';
  const slow = request(`${shop.address}/cart/add`, {
    method: 'POST',
    headers: {
      cookie: `${cookie.name}=${cookie.value}`,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': form.length,
      expect: '100-continue',
    },
  });
  slow.flushHeaders();
  await once(slow, 'continue');

  await signOut(page);
  await expect(notice(page)).toContainText('You are signed out.');
  slow.end(form);
  const [answer] = await once(slow, 'response');
  answer.resume();
  expect(answer.statusCode).toBe(303);
  expect(answer.headers['set-cookie']).toBeUndefined();

  await page.reload();
  await expect(count(page)).toHaveText('Cart 0');
  await context.addCookies([cookie]);
  await page.goto('/');
  await expect(page.getByText('There is none yet')).toBeVisible();
  await expect(notice(page)).toContainText('Your session on this device is over');
});
