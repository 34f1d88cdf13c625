// A shop of its own for each test, and visitors who use it as people do.
//
// In: which store. Out: a running shop and its pages. Never: leaves a process or a file behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { type Page, test as base, expect } from '@playwright/test';

export { expect };

/** The password of every account. */
const PASSWORD = 'oolong';

export type Options = {
  store: 'sqlite' | 'redis';
  /** Arguments of the shop besides those for the store and the port. */
  options: string[];
};

type Fixtures = {
  /** A folder for the files of the servers. Its path is short, as that of a socket must be. */
  folder: string;
  /** The server of the store, if it has one. */
  server: Program | undefined;
  shop: Shop;
};

export const test = base.extend<Options & Fixtures>({
  store: ['sqlite', { option: true }],
  options: [[], { option: true }],

  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'shop-'));
    await use(folder);
    await rm(folder, { recursive: true });
  },

  server: async ({ store, folder }, use) => {
    if (store === 'sqlite') return use(undefined);
    const settings = ['--port', '0', '--unixsocket', join(folder, 'redis.sock'), '--appendonly', 'yes', '--maxmemory-policy', 'noeviction'];
    const redis = new Program('redis-server', settings, folder, /ready to accept connections/i);
    await redis.start();
    await use(redis);
    await redis.stop();
  },

  shop: async ({ server, options, folder }, use) => {
    const shop = new Shop(server ? `redis+unix://${folder}/redis.sock` : `sqlite:${folder}/shop.db`, options, folder);
    await shop.start();
    await use(shop);
    await shop.stop();
  },

  baseURL: async ({ shop }, use) => use(shop.address),
});

/** A program that can be stopped and started again. */
export class Program {
  /** The line that told that it runs. */
  protected said = '';
  private child?: ChildProcess;

  constructor(
    private path: string,
    protected settings: string[],
    private folder: string,
    private ready: RegExp,
  ) {}

  /** Waits for the line that says that it runs. */
  async start() {
    const { SESSION_KEY: _, ...env } = process.env;
    const child = spawn(this.path, this.settings, { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child, 'spawn'); // fails if there is no such program
    this.child = child;
    for await (const line of createInterface(child.stdout)) {
      if (this.ready.test(line)) {
        this.said = line;
        child.stdout.resume(); // nobody reads the rest
        return;
      }
    }
    throw new Error(`${this.path} ended before it was ready`);
  }

  async stop() {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

export class Shop extends Program {
  constructor(store: string, options: string[], folder: string) {
    super(process.env.SHOP!, ['--store', store, ...options, '--port', '0'], folder, /^http:/);
  }

  get address() {
    return this.said;
  }

  /** As a deploy does, at the same address. */
  async restart() {
    await this.stop();
    this.settings = [...this.settings.slice(0, -1), new URL(this.address).port];
    await this.start();
  }
}

/** Adds a tea to the cart, on the shop's first page. */
export async function add(page: Page, tea: string) {
  await page.getByRole('button', { name: `Add ${tea} to the cart` }).click();
}

export async function signIn(page: Page, name: string, password = PASSWORD) {
  await page.goto('/');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs out on the shop's first page. */
export async function signOut(page: Page) {
  await page.getByRole('button', { name: 'Sign out' }).click();
}

/** The message that a page shows once. */
export const notice = (page: Page) => page.getByRole('status');

/** How many items the header says are in the cart. */
export const count = (page: Page) => page.getByRole('navigation').getByRole('link', { name: 'Cart' });
