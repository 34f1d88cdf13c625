// Builds the shop before the tests.
//
// In: the workspace. Out: the path of the program, in SHOP. Never: a program that is older than its source.
import { execFileSync } from 'node:child_process';

export default function build() {
  const command = ['build', '--locked', '--package=session-examples', '--bin=shop', '--message-format=json-render-diagnostics'];
  const lines = execFileSync('cargo', command, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] });
  const messages = lines.trim().split('\n').map((line) => JSON.parse(line));
  process.env.SHOP = messages.find((message) => message.executable && message.target.name === 'shop').executable;
}
