/**
 * A network of the cluster's own on this machine: each node in a network namespace, all of them on one switch, which is a bridge in
 * a namespace too. What the switch drops is what is cut off: rules of nft's bridge family, by port. This process and whatever
 * else runs outside is on the switch as well, under the name `OUTSIDE`.
 *
 * Names carry the process id, so that what a killed run left behind is known as such and swept by the next.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Place } from '../../supervisors/local-cluster.ts'

const run = promisify(execFile)

export const OUTSIDE = 'outside'
const PREFIX = 'baton-chaos-'
/** Of a node's own network, below those the kernel gives out. */
const PROXY_PORT = 7999

/** What a frame must look like to be dropped, as the switch sees it. Node names, `null` for any. */
export interface Drop {
  readonly from: string | null
  readonly to: string | null
  /** Only TCP to this port, and what comes from it. */
  readonly port?: number
  /** Only so many of a hundred. */
  readonly percent?: number
}

export interface Network {
  readonly places: ReadonlyMap<string, Place>
  /** Where nodes reach what listens outside. */
  readonly address: string
  /** Adds rules; the answer takes them away again. */
  drop(rules: readonly Drop[]): Promise<() => Promise<void>>
  /** Limits what a node receives to so many kilobits a second; the answer lifts the limit. */
  limit(node: string, kilobits: number): Promise<() => Promise<void>>
  /**
   * Puts a proxy before a port of a node: `script` is run there with the port to listen at, the node's address and port, and `args`.
   * Connections that there are break, and go through it from then on; the answer ends it, and they break once more.
   */
  intercept(node: string, port: number, script: string, args: readonly string[]): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** Null when networks can be made here, else what is missing. */
export async function whyNoNetwork(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'network namespaces of its own need root'
  for (const [command, ...args] of [
    ['ip', '-V'],
    ['nft', '--version'],
    ['tc', '-V'],
  ] as const) {
    const there = await run(command, args).then(
      () => true,
      () => false,
    )
    if (!there) return `the command ${command} is not installed`
  }
  const probe = `${PREFIX}${process.pid}-probe`
  try {
    await run('ip', ['netns', 'add', probe])
    await run('ip', ['netns', 'delete', probe])
    return null
  } catch (error) {
    return `network namespaces cannot be made here: ${error instanceof Error ? error.message.trim() : error}`
  }
}

/** Removes the namespaces of runs whose process is gone. Interfaces go with them. */
export async function sweepNetworks(): Promise<void> {
  for (const name of await namespaces()) {
    const pid = Number(name.slice(PREFIX.length).split('-')[0])
    if (!existsSync(`/proc/${pid}`)) await run('ip', ['netns', 'delete', name])
  }
}

async function namespaces(): Promise<string[]> {
  const { stdout } = await run('ip', ['-json', 'netns', 'list'])
  const listed: unknown = JSON.parse(stdout === '' ? '[]' : stdout)
  const names = Array.isArray(listed) ? listed.map(entry => String(entry?.name)) : []
  return names.filter(name => name.startsWith(PREFIX))
}

export async function createNetwork(nodes: readonly string[]): Promise<Network> {
  const tag = `${PREFIX}${process.pid}`
  const hub = `${tag}-switch`
  const namespaceOf = (node: string): string => `${tag}-${node}`
  const subnet = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 256}`
  /** The switch's port of each node; `p0` leads outside. */
  const ports = new Map([OUTSIDE, ...nodes].map((node, i) => [node, `p${i}`]))
  const addressOf = (i: number): string => `${subnet}.${i + 1}`
  const addresses = new Map(nodes.map((node, i) => [node, addressOf(i + 1)]))
  const outer = `bc${process.pid}`
  const active = new Set<readonly Drop[]>()

  async function build(): Promise<void> {
    const lines = [`netns add ${hub}`]
    for (const node of nodes) lines.push(`netns add ${namespaceOf(node)}`)
    await batch(lines)
    await batch(['link add br0 type bridge', 'link set br0 up', 'link set lo up'], hub)
    await batch([
      `link add ${outer} type veth peer name p0 netns ${hub}`,
      `address add ${addressOf(0)}/24 dev ${outer}`,
      `link set ${outer} up`,
      ...nodes.map((node, i) => `link add p${i + 1} netns ${hub} type veth peer name eth0 netns ${namespaceOf(node)}`),
    ])
    await batch(
      [...ports.values()].flatMap(port => [`link set ${port} master br0`, `link set ${port} up`]),
      hub,
    )
    for (const [i, node] of nodes.entries())
      await batch([`address add ${addressOf(i + 1)}/24 dev eth0`, 'link set eth0 up', 'link set lo up'], namespaceOf(node))
  }

  /** All rules in one transaction: the switch never has half of them. */
  async function apply(): Promise<void> {
    const rules = [...active].flat().flatMap(rule => ruleLines(rule, ports))
    await nft(hub, [
      'table bridge chaos',
      'delete table bridge chaos',
      'table bridge chaos {',
      'chain forward {',
      'type filter hook forward priority 0;',
      ...rules,
      '}',
      '}',
    ])
  }

  async function close(): Promise<void> {
    for (const name of [hub, ...nodes.map(namespaceOf)]) await run('ip', ['netns', 'delete', name]).catch(() => {})
    await run('ip', ['link', 'delete', outer]).catch(() => {}) // gone with its peer
  }

  try {
    await build()
  } catch (error) {
    await close()
    throw error
  }
  return {
    places: new Map(nodes.map((node, i) => [node, { address: addressOf(i + 1), wrap: ['ip', 'netns', 'exec', namespaceOf(node)] }])),
    address: addressOf(0),
    async drop(rules) {
      active.add(rules)
      await apply()
      return async () => {
        active.delete(rules)
        await apply()
      }
    },
    async limit(node, kilobits) {
      const port = ports.get(node) ?? ''
      const tc = (verb: string, ...more: string[]) => run('ip', ['netns', 'exec', hub, 'tc', 'qdisc', verb, 'dev', port, 'root', ...more])
      await tc('add', 'tbf', 'rate', `${kilobits}kbit`, 'burst', '16kb', 'latency', '400ms')
      return async () => void (await tc('del'))
    },
    async intercept(node, port, script, args) {
      const namespace = namespaceOf(node)
      const child = spawn(
        'ip',
        ['netns', 'exec', namespace, process.execPath, script, ...[PROXY_PORT, addresses.get(node), port, ...args].map(String)],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      )
      const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
      const end = async (): Promise<void> => {
        child.stdin.end()
        await gone
      }
      const ready = await Promise.race([new Promise<true>(resolve => child.stdout.once('data', () => resolve(true))), gone.then(() => false)])
      if (!ready) throw new Error(`the proxy of ${node} ended before it was ready`)
      try {
        await nft(namespace, interception(port))
      } catch (error) {
        await end()
        throw error
      }
      return async () => {
        await nft(namespace, ['delete table ip chaos'])
        await end()
      }
    },
    close,
  }
}

/** New connections to the port come to the proxy. What still goes to the port itself from outside is of older ones: they are reset. */
const interception = (port: number): string[] => [
  'table ip chaos {',
  `chain redirected { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport ${port} redirect to :${PROXY_PORT}; }`,
  `chain older { type filter hook input priority 0; iifname "eth0" tcp dport ${port} reject with tcp reset; }`,
  '}',
]

/** One rule of a chain, or two where a port is named: it is the port of either side. */
function ruleLines({ from, to, port, percent }: Drop, ports: ReadonlyMap<string, string>): string[] {
  const sides = [...(from === null ? [] : [`iifname "${ports.get(from)}"`]), ...(to === null ? [] : [`oifname "${ports.get(to)}"`])]
  const chance = percent === undefined ? [] : [`numgen random mod 100 < ${percent}`]
  const matches = port === undefined ? [[]] : [[`tcp dport ${port}`], [`tcp sport ${port}`]]
  return matches.map(match => [...sides, ...match, ...chance, 'drop'].join(' '))
}

const batch = (lines: readonly string[], namespace?: string): Promise<void> =>
  feed('ip', [...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'], lines)

const nft = (namespace: string, lines: readonly string[]): Promise<void> => feed('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], lines)

/** Runs a command with these lines as its input. Rejects with what it said when it fails. */
function feed(command: string, args: readonly string[], lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', data => {
      said += data
    })
    child.once('error', reject)
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')}: ${said.trim()}`))))
    child.stdin.end(`${lines.join('\n')}\n`)
  })
}
