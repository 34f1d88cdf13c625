// How the shop is tested in Chromium: what is common to all tests, and the stores that they run on.
import { defineConfig } from '@playwright/test';

import type { Options } from './shop.ts';

export default defineConfig<Options>({
  testDir: '.',
  globalSetup: './build.ts',
  outputDir: '../../../target/browser-tests',
  reporter: 'list',
  fullyParallel: true,
  workers: 2,
  timeout: 30_000,
  forbidOnly: true,
  use: {
    // The program of the system; none is downloaded.
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' },
    // The shop needs no script, so it is tested without.
    javaScriptEnabled: false,
    locale: 'en-GB',
    screenshot: 'only-on-failure',
  },
  projects: [
    { name: 'sqlite', use: { store: 'sqlite' } },
    { name: 'redis', use: { store: 'redis' }, testIgnore: ['cookie.spec.ts', 'looks.spec.ts'] },
  ],
});
