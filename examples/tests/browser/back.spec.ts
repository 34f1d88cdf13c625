// The browser's back button, with its memory of whole pages, which Playwright turns off by default. Without it this test could not fail: the
// browser asks again for a page that varies by a cookie that has changed.
import { expect, notice, signIn, signOut, test } from './shop.ts';

test.use({
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  },
});

test('the back button shows nothing of the user after a sign-out', async ({ page }) => {
  await signIn(page, 'Ada');
  await page.goto('/devices');
  await page.goto('/');
  await signOut(page);
  await expect(notice(page)).toContainText('You are signed out.');
  for (let back = 0; back < 2; back++) {
    await page.goBack({ waitUntil: 'commit' }); // a page from memory is not loaded
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByText('Ada')).toHaveCount(0);
  }
});
