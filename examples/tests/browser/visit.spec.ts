// What one visitor does in one browser.
import { add, count, expect, notice, signIn, signOut, test } from './shop.ts';

test('looking around sets no cookie', async ({ page, context }) => {
  await page.goto('/');
  await expect(page.getByText('There is none yet')).toBeVisible();
  await page.goto('/devices');
  expect(await context.cookies()).toEqual([]);
});

test('a notice is shown once', async ({ page }) => {
  await page.goto('/');
  await add(page, 'Sencha');
  await expect(notice(page)).toHaveText('Sencha is in your cart.');
  await page.reload();
  await expect(count(page)).toHaveText('Cart 1');
  await expect(notice(page)).toHaveCount(0);
});

test('a sign-in keeps the cart and replaces the cookie', async ({ page, context }) => {
  await page.goto('/');
  await add(page, 'Mint');
  const [before] = await context.cookies();
  await signIn(page, 'Ada');
  await expect(notice(page)).toHaveText('Welcome, Ada.');
  await expect(count(page)).toHaveText('Cart 1');
  const [after, ...others] = await context.cookies();
  expect(others).toEqual([]);
  expect(after.name).toBe(before.name);
  expect(after.value).not.toBe(before.value);
});

test('a wrong password is told in the form, which keeps the name', async ({ page }) => {
  await signIn(page, 'Ada', 'sencha');
  await expect(page.getByRole('alert')).toContainText('That is not the password');
  await expect(notice(page)).toHaveCount(0);
  await expect(page.getByLabel('Name')).toHaveValue('Ada');
  await page.reload();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('a restart of the shop keeps the visitor signed in', async ({ page, shop }) => {
  await signIn(page, 'Ada');
  await add(page, 'Assam');
  await shop.restart();
  await page.goto('/');
  await expect(page.getByText('Hello, Ada')).toBeVisible();
  await expect(count(page)).toHaveText('Cart 1');
});

test('the theme is kept', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await page.goto('/devices');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('an outage of the store is told as what it is', async ({ page, store, server }) => {
  test.skip(store === 'sqlite', 'a file does not go down');
  await signIn(page, 'Ada');
  await add(page, 'Assam');
  await server!.stop();
  await add(page, 'Assam');
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('This was not stored');
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Your session cannot be read');
  await server!.start();
  await expect(async () => {
    await page.reload(); // the shop asks a store that failed every quarter of a second
    await expect(count(page)).toHaveText('Cart 1', { timeout: 100 });
  }).toPass();

  await server!.stop();
  await signOut(page);
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('You are not signed out yet');
});
