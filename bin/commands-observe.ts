/** The commands of who looks into a cluster: what is wrong with it, what was done, by whom, how long it took, and what a guest says. */
import { CLIENT, type CommandSpec, option } from './command-spec.ts'

export const OBSERVE_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'alerts',
    about: 'list the alerts that fire, with what to do about them',
    options: [option('--history', 'those that are over, too'), ...CLIENT],
    load: async () => (await import('./commands/alerts.ts')).alerts,
  },
  {
    path: 'trace',
    args: '<id>',
    about: 'show a trace as a tree, from what the nodes remember; by trace id, request id or operation id',
    options: CLIENT,
    load: async () => (await import('./commands/trace.ts')).trace,
  },
  {
    path: 'logs',
    args: '[node]',
    about: 'show the newest lines of the logs of one node, or of all',
    options: [
      option('--request <id>', 'lines about this request'),
      option('--instance <id>', 'lines about this instance'),
      option('--operation <id>', 'lines about this operation'),
      option('--level <level>', 'debug, info, warn or error, and what is worse'),
      option('--limit <n>', 'at most so many (default 200 of each node)'),
      option('--follow', 'go on with what is logged from now on, until Ctrl-C'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    path: 'debug bundle',
    about: 'write what a bug report needs into one file: settings, versions, state, metrics and log lines, without secrets',
    options: [option('--out <file>', 'where to (default baton-debug-TIME.tar.gz here)'), ...CLIENT],
    load: async () => (await import('./commands/debug.ts')).bundle,
  },
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
