/** The commands of nodes: those that run the cluster or one node of it, and those that look at nodes and empty them. */
import type { Handler, Options } from './call.ts'
import { AUTH, CLIENT, CONFIG, type CommandSpec, DATA, DATABASE, DRIVER, ID, JSON_OUT, option, PORT } from './command-spec.ts'

/** A command that starts a node or the cluster: its file exports `run(options)`. */
const server = (load: () => Promise<{ run: (options: Options) => Promise<void> }>) => async (): Promise<Handler> => {
  const { run } = await load()
  return call => run(call.options)
}

export const NODE_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'up',
    about: 'start a cluster here and keep it alive; Ctrl-C stops it',
    options: [
      option('--conductors <n>', 'conductors to run (default 3)'),
      option('--computes <n>', 'compute hosts to run (default 4)'),
      DRIVER,
      DATA,
      PORT,
      AUTH,
      DATABASE,
      option('--detach', 'return when the cluster is ready; it goes on in the background'),
      CONFIG,
    ],
    load: server(() => import('./commands/up.ts')),
  },
  { path: 'down', about: 'stop the cluster of the data folder', options: [DATA], load: server(() => import('./commands/down.ts')) },
  {
    path: 'chaos',
    about: 'kill, freeze and cut off the nodes of a cluster made for it, and judge what came of it; exit code 1 on a violation',
    options: [
      option('--minutes <n>', 'how long (default 1)'),
      option('--seconds <n>', 'how long, in seconds'),
      option('--faults <names>', 'only these, separated by commas'),
      option('--seed <n>', 'makes the same choices again'),
      option('--conductors <n>', 'conductors of the cluster (default 3)'),
      option('--computes <n>', 'compute hosts of the cluster (default 4)'),
      option('--clients <n>', 'clients at work (default 12)'),
      option('--report <file>', 'write the story of the run as an HTML page'),
      option('--keep', 'after a violation, keep logs, hosts and what the clients were told'),
      JSON_OUT,
    ],
    load: async () => (await import('./commands/chaos.ts')).chaos,
  },
  {
    path: 'conductor',
    about: 'run one conductor node',
    options: [ID, option('--listen <endpoint>', 'ZeroMQ endpoint to listen on, tcp://ADDRESS:PORT'), DATABASE, CONFIG],
    load: server(() => import('./commands/conductor.ts')),
  },
  {
    path: 'compute',
    about: 'run one compute host',
    options: [ID, option('--join <endpoints>', 'conductors to join, separated by commas'), DRIVER, DATA, CONFIG],
    load: server(() => import('./commands/compute.ts')),
  },
  {
    path: 'gateway',
    about: 'run one gateway with the REST API',
    options: [ID, option('--join <endpoints>', 'conductors to join, separated by commas'), PORT, CONFIG],
    load: server(() => import('./commands/gateway.ts')),
  },
  {
    path: 'node list',
    about: 'list conductors, compute hosts and gateways',
    options: CLIENT,
    load: async () => (await import('./commands/node.ts')).list,
  },
  {
    path: 'node show',
    args: '<node>',
    about: 'show a node and its load',
    options: CLIENT,
    load: async () => (await import('./commands/node.ts')).show,
  },
  {
    path: 'node drain',
    args: '<node>',
    about: 'hand over the shards of a conductor, or take no new instances on a host',
    options: CLIENT,
    load: async () => (await import('./commands/node.ts')).drain,
  },
]
