// One user on several devices, and the support team.
import type { Browser, Page } from '@playwright/test';

import { add, expect, notice, signIn, test } from './shop.ts';

/** Another browser, in which `name` is signed in. */
async function device(browser: Browser, baseURL: string, name: string): Promise<Page> {
  const page = await (await browser.newContext({ baseURL, javaScriptEnabled: false })).newPage();
  await signIn(page, name);
  await expect(notice(page)).toBeVisible();
  return page;
}

const devices = (page: Page) => page.getByRole('main').getByRole('listitem');

test('a device is signed out from another one', async ({ page, browser, baseURL }) => {
  await signIn(page, 'Ada');
  const lost = await device(browser, baseURL!, 'Ada');
  await page.goto('/devices');
  await expect(devices(page)).toHaveCount(2);
  await expect(devices(page).first()).toContainText('Chrome on Linux');
  await expect(page.getByText('This browser')).toHaveCount(1);
  await page.getByRole('button', { name: /^Sign out .+/ }).first().click();
  await expect(devices(page)).toHaveCount(1);
  await expect(page.getByRole('button', { name: 'Sign out the others' })).toHaveCount(0);
  await lost.goto('/');
  await expect(lost.getByText('Hello, Ada')).toHaveCount(0);
  await expect(notice(lost)).toContainText('Your session on this device is over');
});

test('signing out everywhere ends every session of the user and no other', async ({ page, browser, baseURL }) => {
  await signIn(page, 'Ada');
  const [second, ben] = [await device(browser, baseURL!, 'Ada'), await device(browser, baseURL!, 'Ben')];
  await page.goto('/devices');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await expect(notice(page)).toHaveText('You are signed out everywhere, on 2 devices.');
  await second.goto('/');
  await expect(second.getByText('Hello, Ada')).toHaveCount(0);
  await ben.goto('/');
  await expect(ben.getByText('Hello, Ben')).toBeVisible();
});

test('support finds a user and ends their sessions', async ({ page, browser, baseURL }) => {
  const ada = await device(browser, baseURL!, 'Ada');
  await add(ada, 'Mint');
  expect((await page.goto('/admin/'))!.status()).toBe(401);
  await signIn(page, 'Staff');
  await page.goto('/admin');
  await expect(page.getByRole('heading', { name: 'Live sessions' })).toBeVisible();
  await page.getByLabel('User or session').fill('shop.customer=Ada');
  await page.getByRole('button', { name: 'Find' }).click();
  await expect(page.getByRole('heading', { name: 'User shop.customer="Ada"' })).toBeVisible();
  await page.getByRole('button', { name: 'End all sessions of this user' }).click();
  await expect(notice(page)).toHaveText('1 session ended.');
  await ada.goto('/');
  await expect(ada.getByText('Hello, Ada')).toHaveCount(0);
});
