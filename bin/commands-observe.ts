/** The commands of who looks after a cluster: what is wrong with it, and what was done in it. */
import { CLIENT, type CommandSpec, option } from './command-spec.ts'

export const OBSERVE_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'alerts',
    about: 'list the alerts that fire, with what to do about them',
    options: [option('--history', 'those that are over, too'), ...CLIENT],
    load: async () => (await import('./commands/alerts.ts')).alerts,
  },
  {
    path: 'audit list',
    about: 'list who did what, newest first',
    options: [option('--limit <n>', 'at most so many (default 100)'), option('--before <number>', 'those before this line'), ...CLIENT],
    load: async () => (await import('./commands/audit.ts')).list,
  },
  {
    path: 'audit verify',
    about: 'look whether the chain of the audit log is whole; exit code 1 when a line was tampered with',
    options: CLIENT,
    load: async () => (await import('./commands/audit.ts')).verify,
  },
]
