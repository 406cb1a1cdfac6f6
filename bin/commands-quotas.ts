/** The commands about what may be used, what was, and what is; a part of the table in `commands.ts`. */
import { CLIENT, type CommandSpec, type OptionSpec, option } from './command-spec.ts'

export const PROJECT = option('--project <name>', 'the project (default: default)')

const QUOTAS: Readonly<Record<'show' | 'set' | 'reset' | 'check', readonly [about: string, options: readonly OptionSpec[]]>> = {
  show: ['show the limits of a project and what it uses of them', []],
  set: [
    'set limits of a project; the others stay',
    [
      option('--instances <n>', 'instances; -1 is no limit, here and below'),
      option('--cores <n>', 'virtual CPUs'),
      option('--ram <mb>', 'memory in MiB'),
      option('--server-groups <n>', 'server groups'),
      option('--server-group-members <n>', 'members of one server group'),
      option('--key-pairs <n>', 'key pairs'),
      option('--metadata-items <n>', 'metadata of one instance or image'),
      option('--image-count-total <n>', 'images, snapshots included'),
      option('--image-size-total <mb>', 'bytes of all images, in MiB'),
      option('--force', 'also below what is used'),
      option('--defaults', 'the limits of all projects that have none of their own'),
    ],
  ],
  reset: ['give a project the default limits again', []],
  check: ['compare what is entered for a project with what its instances hold; exit code 4 when they differ', []],
}

const quotaCommand = (verb: keyof typeof QUOTAS): CommandSpec => ({
  path: `quota ${verb}`,
  args: '[project]',
  about: QUOTAS[verb][0],
  options: [PROJECT, ...QUOTAS[verb][1], ...CLIENT],
  load: async () => (await import('./commands/quota.ts'))[verb],
})

export const QUOTA_COMMANDS: readonly CommandSpec[] = (['show', 'set', 'reset', 'check'] as const).map(quotaCommand)

export const USAGE_COMMAND: CommandSpec = {
  path: 'usage',
  about: 'what projects have used',
  options: [
    option('--since <time>', 'from then on, as 2026-01-31 or 2026-01-31T12:00:00Z (default: 28 days ago)'),
    option('--until <time>', 'until then (default: now)'),
    ...CLIENT,
  ],
  load: async () => (await import('./commands/usage.ts')).usage,
}

export const DIAGNOSTICS_COMMAND: CommandSpec = {
  path: 'instance diagnostics',
  args: '<instance>',
  about: 'what a guest uses, as its driver knows it',
  options: CLIENT,
  load: async () => (await import('./commands/usage.ts')).diagnostics,
}
