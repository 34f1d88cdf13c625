// The panel that shows what other shops lose.
import { expect, test } from './shop.ts';

for (const experiment of ['Two tabs at once', 'A slow request across a sign-out', 'The store goes down', 'A deploy']) {
  test(`${experiment}: the shop keeps what the simulated session loses`, async ({ page, context }) => {
    await page.goto('/');
    await page.getByRole('button', { name: experiment }).click();
    await expect(page.getByRole('heading', { name: experiment })).toBeVisible();
    const [shop, simulated] = [page.locator('td:nth-of-type(1)'), page.locator('td:nth-of-type(2)')];
    await expect(shop.filter({ hasText: '✓' })).not.toHaveCount(0);
    await expect(shop.filter({ hasText: '✗' })).toHaveCount(0);
    await expect(simulated.filter({ hasText: '✗' })).not.toHaveCount(0);
    expect(await context.cookies()).toEqual([]);
  });
}
