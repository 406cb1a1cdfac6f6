/** The commands of who looks into a cluster: what was done in it, and what a guest says. */
import { CLIENT, type CommandSpec, option } from './command-spec.ts'

export const OBSERVE_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'audit list',
    about: 'list who did what, newest first',
    options: [option('--limit <n>', 'at most so many (default 100)'), option('--before <number>', 'those before this line'), ...CLIENT],
    load: async () => (await import('./commands/audit.ts')).list,
  },
  {
    path: 'console',
    args: '<instance>',
    about: 'the serial console of an instance on this terminal (~. leaves), or the URL of a console',
    options: [
      option('--url', 'print a URL that is good once, for ten minutes, instead'),
      option('--type <type>', 'serial (default) or novnc, the screen'),
      option('--seconds <n>', 'without a terminal: how long to wait for answers when the input has ended (default 3)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/console.ts')).attach,
  },
  {
    path: 'audit verify',
    about: 'look whether the chain of the audit log is whole; exit code 1 when a line was tampered with',
    options: CLIENT,
    load: async () => (await import('./commands/audit.ts')).verify,
  },
]
