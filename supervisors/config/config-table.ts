/**
 * Every key of `baton.yaml`, as one table of data: default, unit, range, and the line a person reads above it.
 * The typed `Config`, the checks, `baton config sample` and the README's table all come from here, so a key is
 * described once. A key appears in the environment as `BATON_` and its path in capitals: `http.port` is
 * `BATON_HTTP_PORT`, `driver.fake.latencyMs` is `BATON_DRIVER_FAKE_LATENCY_MS`.
 */
import { CLAIMS, UNKNOWN_GUESTS, VANISHED_GUESTS } from '../../actors/host/policies.ts'

import { DEFAULT_FILTERS, DEFAULT_SUBSET, DEFAULT_WEIGHERS, filtersProblem, weighersProblem } from '../../actors/scheduler/settings.ts'
import { HTTP_LIMITS } from '../../transport/http/limits.ts'
import { webhookProblem } from '../../transport/webhook.ts'

export interface NumberKey {
  readonly kind: 'integer' | 'number'
  readonly default: number
  readonly unit: string
  readonly min: number
  readonly max: number
  readonly about: string
}

export interface TextKey<D extends string | null = string | null> {
  readonly kind: 'text'
  readonly default: D
  readonly unit: string
  /** A second environment variable with the same meaning. */
  readonly alias?: string
  /** What is wrong with a text, or null. */
  readonly problem?: (text: string) => string | null
  /** It is shown nowhere: not by `baton config show`, not in what is wrong with it. */
  readonly secret?: true
  readonly about: string
}

export interface ChoiceKey<C extends string = string> {
  readonly kind: 'choice'
  readonly default: C
  readonly unit: ''
  readonly choices: readonly C[]
  readonly about: string
}

/** A list of texts; in the environment and in flags as JSON. */
export interface ListKey {
  readonly kind: 'list'
  readonly default: readonly string[]
  readonly unit: string
  readonly about: string
}

export type KeySpec = NumberKey | TextKey | ChoiceKey | ListKey

const integer = (byDefault: number, unit: string, [min, max]: readonly [number, number], about: string): NumberKey => ({
  kind: 'integer',
  default: byDefault,
  unit,
  min,
  max,
  about,
})

const number = (byDefault: number, unit: string, [min, max]: readonly [number, number], about: string): NumberKey => ({
  kind: 'number',
  default: byDefault,
  unit,
  min,
  max,
  about,
})

const text = <D extends string | null>(byDefault: D, unit: string, about: string, alias?: string): TextKey<D> => ({
  kind: 'text',
  default: byDefault,
  unit,
  about,
  ...(alias === undefined ? {} : { alias }),
})

const names = (byDefault: string, problem: (text: string) => string | null, about: string): TextKey<string> => ({
  kind: 'text',
  default: byDefault,
  unit: 'list',
  problem,
  about,
})

const choice = <const C extends string>(byDefault: NoInfer<C>, choices: readonly C[], about: string): ChoiceKey<C> => ({
  kind: 'choice',
  default: byDefault,
  unit: '',
  choices,
  about,
})

const list = (unit: string, about: string): ListKey => ({ kind: 'list', default: [], unit, about })

const secret = (unit: string, about: string, problem: (text: string) => string | null): TextKey<null> => ({
  kind: 'text',
  default: null,
  unit,
  secret: true,
  problem,
  about,
})

function urlProblem(given: string): string | null {
  return URL.canParse(given) && /^https?:$/.test(new URL(given).protocol) ? null : 'it is not the URL of a collector, as http://127.0.0.1:4318'
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const CONFIG_KEYS = {
  'cluster.conductors': integer(3, 'nodes', [1, 64], 'Conductors that `baton up` starts and keeps alive.'),
  'cluster.computes': integer(4, 'nodes', [0, 1000], 'Compute hosts that `baton up` starts and keeps alive.'),
  'http.host': text('127.0.0.1', 'address', 'Address the gateway listens on. Only loopback without `auth.mode: token`.'),
  'http.port': integer(8774, 'TCP port', [0, 65_535], 'Port of the REST API; 0 takes a free one.'),
  'http.tls.certFile': text(null, 'path', 'Certificate of the API (PEM, with those between it and its authority); read again when it changes.'),
  'http.tls.keyFile': text(null, 'path', 'Its key (PEM). With both the API speaks HTTPS and nothing else, TLS 1.2 or newer.'),
  'http.tls.caFile': text(null, 'path', 'Authority that the clients of `clouds.yaml` trust, when it is none that everybody knows.'),
  'http.consoleOrigin': text(null, 'origin', 'Where the console is served from if not by the gateway: the one origin that CORS allows.'),
  'http.trustedProxies': list('addresses or networks', 'Balancers whose X-Forwarded-For, -Proto and -Host are believed.'),
  'http.maxConnections': integer(HTTP_LIMITS.maxConnections, 'connections', [1, 100_000], 'Connections of a gateway; more are closed.'),
  'http.maxInFlight': integer(HTTP_LIMITS.maxInFlight, 'requests', [1, 100_000], 'Requests a gateway answers at once; more get 503.'),
  'http.bodyBytes': integer(HTTP_LIMITS.bodyBytes, 'bytes', [1024, 2 ** 28], 'Size of the body of a request; more gets 413.'),
  'http.headerBytes': integer(HTTP_LIMITS.headerBytes, 'bytes', [1024, 2 ** 20], 'Size of its headers; more gets 431.'),
  'http.headersTimeoutMs': integer(HTTP_LIMITS.headersTimeoutMs, 'ms', [100, HOUR], 'Time in which the headers of a request must have arrived.'),
  'http.requestTimeoutMs': integer(HTTP_LIMITS.requestTimeoutMs, 'ms', [100, HOUR], 'Time in which all of a request must have arrived.'),
  'http.keepAliveMs': integer(
    HTTP_LIMITS.keepAliveTimeoutMs,
    'ms',
    [0, HOUR],
    'How long a connection is kept between two requests; longer than a balancer keeps it.',
  ),
  'http.drainDelayMs': integer(
    0,
    'ms',
    [0, MINUTE],
    'How long a gateway that ends still takes requests while /readyz says 503, for balancers to see.',
  ),
  'http.drainMs': integer(HTTP_LIMITS.drainMs, 'ms', [0, MINUTE], 'How long it then waits for answers that are under way.'),
  'rate.perToken': integer(100, 'requests/s', [0, 1_000_000], 'Requests of one token to one gateway in the long run; more get 429; 0 is no limit.'),
  'rate.perProject': integer(500, 'requests/s', [0, 1_000_000], 'The same for all tokens of one project.'),
  'rate.perAddress': integer(1000, 'requests/s', [0, 1_000_000], 'The same for one address, or the /64 of one; see `http.trustedProxies`.'),
  'rate.burstMs': integer(10_000, 'ms', [0, HOUR], 'Who was silent before may send at once what its rate allows in this time.'),
  'auth.mode': choice('token', ['token', 'none'], 'Whether requests need a token of an identity; none is for one machine and its one user.'),
  'auth.tokenMs': integer(HOUR, 'ms', [MINUTE, 30 * DAY], 'Life of a token.'),
  'auth.rotateMs': integer(7 * DAY, 'ms', [MINUTE, 3650 * DAY], 'How long one key signs tokens.'),
  'policy.rules': list('rules', 'Rules over the defaults, each as `os_compute_api:servers:delete = rule:context_is_admin`.'),
  'data.folder': text('.baton', 'path', 'Folder of the embedded database, the logs and cluster.json.', 'BATON_DATA'),
  'database.url': text(null, 'URL', 'PostgreSQL to use, several hosts allowed; null starts an embedded one in the data folder.'),
  'images.folder': text(
    null,
    'path',
    'Folder of the image store, the same for all conductors and shared by their machines; null: in the data folder of `baton up`, else none.',
  ),
  'images.maxGb': integer(1024, 'GiB', [1, 2 ** 20], 'Largest image.'),
  'images.uploadLookMs': integer(MINUTE, 'ms', [100, DAY], 'An upload of which nothing comes for as long is given up.'),
  'images.cacheGb': number(20, 'GiB', [0.001, 2 ** 20], 'Room for images that a compute host has fetched; those least used go first.'),
  'driver.name': choice('auto', ['auto', 'fake', 'process', 'qemu'], 'What runs instances; auto takes process where that works, else fake.'),
  'driver.fake.latencyMs': integer(0, 'ms', [0, HOUR], 'Time the fake driver takes for each command.'),
  'driver.fake.failureRate': number(0, 'share', [0, 1], 'Share of commands that the fake driver fails.'),
  'driver.fake.vcpus': integer(1024, 'vCPUs', [1, 65_536], 'Size of a host with the fake driver.'),
  'driver.fake.ramMb': integer(1_048_576, 'MiB', [1, 2 ** 31], 'Size of a host with the fake driver.'),
  'driver.fake.diskGb': integer(65_536, 'GiB', [1, 2 ** 31], 'Size of a host with the fake driver.'),
  'driver.qemu.images': text(null, 'path', 'Folder of images that `npm run images` has built; null: where that puts them.'),
  'driver.qemu.uid': integer(64_055, 'user', [1, 2 ** 31 - 1], 'User that virtual machines run as, when the agent is root.'),
  'driver.qemu.address': text(
    '127.0.0.1',
    'address',
    'Address of a compute host at which other hosts reach it when a guest moves; its ports are free ones.',
  ),
  'driver.qemu.shared': text(null, 'path', 'Folder that all hosts have at the same path, for disks that need not be copied; null: disks are local.'),
  'driver.qemu.bandwidthMbPerS': integer(0, 'MiB/s', [0, 2 ** 20], 'How much of the line one live migration takes; 0: all it gets.'),
  'driver.qemu.downtimeMs': integer(500, 'ms', [1, MINUTE], 'How long a guest may stand still while the last of its memory is sent.'),
  'driver.process.uploaded': choice('no', ['no', 'yes'], 'Whether the process driver runs uploaded images: scripts, with the rights of the agent.'),
  'membership.leaseMs': integer(6000, 'ms', [500, HOUR], 'Lease of a conductor, by database time; run out, it may be declared dead.'),
  'membership.renewMs': integer(1000, 'ms', [50, HOUR], 'How often a conductor renews its lease.'),
  'membership.pingMs': integer(150, 'ms', [10, MINUTE], 'How often conductors ping each other.'),
  'membership.suspectMs': integer(900, 'ms', [50, HOUR], 'Silence after which a conductor suspects another.'),
  'agents.heartbeatMs': integer(5000, 'ms', [100, HOUR], 'How often the agent in a guest reports.'),
  'agents.silentMs': integer(20_000, 'ms', [200, DAY], 'Silence after which nobody knows how the service in a guest is.'),
  'agents.perProject': integer(1000, 'agents', [0, 1_000_000], 'Agents outside of guests that a project may have.'),
  'agents.listen': text(
    null,
    'endpoint',
    'Where a gateway lets agents from outside of guests in, `tcp://address:port`; with `baton up` a free port of loopback.',
  ),
  'agents.endpoints': list(
    'endpoints',
    'Doors that new agents are told, in the order in which they try them; default: that of the gateway that is asked.',
  ),
  'agents.bootMs': integer(2 * MINUTE, 'ms', [1000, 10 * MINUTE], 'Time in which the agent of a new guest must be heard, unless its image says.'),
  'heartbeat.intervalMs': integer(1000, 'ms', [50, MINUTE], 'How often a compute host reports.'),
  'heartbeat.suspectMs': integer(3000, 'ms', [100, HOUR], 'Silence after which a host is suspect and takes no new instance.'),
  'heartbeat.downMs': integer(10_000, 'ms', [200, DAY], 'Silence after which a host is down.'),
  'ha.leaseMs': integer(
    30_000,
    'ms',
    [500, HOUR],
    'How long a host that is not heard may run instances with the HA policy evacuate; longer than a fail-over of the database.',
  ),
  'ha.parallel': integer(4, 'instances', [1, 1000], 'Instances of one lost host that are evacuated at a time.'),
  'ha.massFraction': number(0.5, 'share', [0, 1], 'When more of all hosts than this fall silent at once, nothing is evacuated: it is probably us.'),
  'fence.command': list('program and arguments', 'Makes sure that nothing runs on a lost host, `{host}` replaced by its id; empty: there is none.'),
  'fence.timeoutMs': integer(30_000, 'ms', [100, HOUR], 'Time the fence command may take before it counts as failed.'),
  'journal.snapshotEvery': integer(100, 'events', [1, 100_000], 'Events of one actor between two snapshots of its state.'),
  'journal.retentionDays': number(7, 'days', [0, 3650], 'How long finished operations and deleted instances are kept.'),
  'audit.retentionDays': number(365, 'days', [0, 3650], 'How long the audit log keeps who did what.'),
  'alerts.webhook': secret(
    'address',
    'Where alerts are told by POST when they fire and when they are over, http or https; null: nowhere.',
    webhookProblem,
  ),
  'alerts.secret': secret('text', 'Signs what the webhook is told, at least 16 characters; better by BATON_ALERTS_SECRET than in a file.', secret =>
    secret.length < 16 ? 'it must have at least 16 characters' : null,
  ),
  'actors.inbox': integer(1000, 'messages', [1, 1_000_000], 'Messages that may wait for one actor; more are refused as Overloaded.'),
  'actors.idleMs': integer(MINUTE, 'ms', [100, DAY], 'Idle time after which a durable actor leaves memory until its next message.'),
  'actors.restartLimit': integer(5, 'restarts', [0, 1000], 'Restarts of one actor within the period before it is set aside.'),
  'actors.restartPeriodMs': integer(MINUTE, 'ms', [100, DAY], 'The period in which restarts are counted.'),
  'operations.buildDeadlineMs': integer(
    30 * MINUTE,
    'ms',
    [SECOND, DAY],
    'A build that takes longer is undone and fails; so for what else makes a guest on another host.',
  ),
  'operations.actionDeadlineMs': integer(10 * MINUTE, 'ms', [SECOND, DAY], 'The same for start, stop, reboot and all else.'),
  'operations.deleteDeadlineMs': integer(30 * MINUTE, 'ms', [SECOND, DAY], 'The same for a delete.'),
  'instances.reclaimMs': integer(0, 'ms', [0, 3650 * DAY], 'For how long a deleted instance can be restored; 0 deletes at once.'),
  'instances.confirmResizeMs': integer(0, 'ms', [0, 3650 * DAY], 'Time after which a resize or migration is confirmed by itself; 0 never.'),
  'instances.shelvedOffloadMs': integer(0, 'ms', [-1, 3650 * DAY], 'How long a shelved instance stays on its host; -1 until it is offloaded.'),
  'reconcile.auditMs': integer(30_000, 'ms', [200, DAY], 'How often each host is compared with what is believed of it.'),
  'reconcile.unknownGuests': choice('keep', UNKNOWN_GUESTS, 'What becomes of a guest that no instance owns.'),
  'reconcile.vanishedGuests': choice(
    'error',
    VANISHED_GUESTS,
    'What becomes of an instance without its guest; rebuild makes it anew from its image and loses its disk.',
  ),
  'reconcile.claims': choice('repair', CLAIMS, 'Room held for nobody, or not held: corrected at each audit, or only reported by `baton doctor`.'),
  'limits.maxInstancesPerRequest': integer(1000, 'instances', [1, 10_000], 'Instances that one create may ask for.'),
  'quota.instances': integer(
    -1,
    'instances',
    [-1, 2 ** 31 - 1],
    'Instances that a project may have if it is given no limit of its own; -1 is no limit.',
  ),
  'quota.cores': integer(-1, 'vCPUs', [-1, 2 ** 31 - 1], 'The same for virtual CPUs of all its instances.'),
  'quota.ram': integer(-1, 'MiB', [-1, 2 ** 31 - 1], 'The same for the memory of all its instances.'),
  'quota.serverGroups': integer(-1, 'groups', [-1, 2 ** 31 - 1], 'The same for server groups.'),
  'quota.serverGroupMembers': integer(-1, 'instances', [-1, 2 ** 31 - 1], 'The same for the members of one server group.'),
  'quota.keyPairs': integer(100, 'key pairs', [-1, 2 ** 31 - 1], 'The same for key pairs.'),
  'quota.metadataItems': integer(128, 'items', [-1, 2 ** 31 - 1], 'The same for the metadata of one instance or image.'),
  'quota.images': integer(-1, 'images', [-1, 2 ** 31 - 1], 'The same for images, snapshots included.'),
  'quota.imagesMb': integer(-1, 'MiB', [-1, 2 ** 31 - 1], 'The same for the bytes of all its images in the image store.'),
  'scheduler.vcpuRatio': number(4, 'ratio', [0.01, 1000], 'Virtual CPUs promised per CPU of a host.'),
  'scheduler.ramRatio': number(1, 'ratio', [0.01, 1000], 'Memory promised per memory of a host.'),
  'scheduler.diskRatio': number(1, 'ratio', [0.01, 1000], 'Disk promised per disk of a host.'),
  'scheduler.reservedVcpus': integer(0, 'CPUs', [0, 65_536], 'CPUs kept back on each host; `baton host set` says otherwise for one.'),
  'scheduler.reservedRamMb': integer(0, 'MiB', [0, 2 ** 31 - 1], 'Memory kept back on each host for itself.'),
  'scheduler.reservedDiskGb': integer(0, 'GiB', [0, 2 ** 31 - 1], 'Disk kept back on each host for itself.'),
  'scheduler.filters': names(DEFAULT_FILTERS, filtersProblem, 'Filters that a host must pass, in the order in which they are asked.'),
  'scheduler.weighers': names(DEFAULT_WEIGHERS, weighersProblem, 'What makes one host better than another, and how much; below 0 packs.'),
  'scheduler.subset': integer(DEFAULT_SUBSET, 'hosts', [1, 1000], 'A host is drawn among so many of the best; 1 always takes the best.'),
  'log.level': choice('info', ['debug', 'info', 'warn', 'error', 'silent'], 'The least severe messages that are logged.'),
  'tracing.sample': number(0.05, 'share', [0, 1], 'Share of the requests that are traced; one that comes with a sampled `traceparent` always is.'),
  'tracing.endpoint': {
    ...text(null, 'URL', 'Collector that takes the spans of every node (OTLP over HTTP); without it only `baton trace` has them.'),
    alias: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    problem: urlProblem,
  },
} satisfies Record<string, KeySpec>

export type ConfigKey = keyof typeof CONFIG_KEYS

/** Pairs of which the first must be smaller than the second, or the cluster would judge its own nodes dead. */
export const CONFIG_ORDER: readonly (readonly [ConfigKey, ConfigKey])[] = [
  ['membership.renewMs', 'membership.leaseMs'],
  ['membership.pingMs', 'membership.suspectMs'],
  ['agents.heartbeatMs', 'agents.silentMs'],
  ['heartbeat.intervalMs', 'heartbeat.suspectMs'],
  ['heartbeat.suspectMs', 'heartbeat.downMs'],
  ['http.headersTimeoutMs', 'http.requestTimeoutMs'],
]

/**
 * The first must be longer than the sum of the others, each as often as said. A heartbeat counts for the lease of its host when a later renewal
 * has confirmed its receiver, and its host hears of that with the heartbeat after; with one heartbeat to spare, so that one that is lost
 * in peace stops nobody's guests.
 */
export const CONFIG_SUMS: readonly (readonly [ConfigKey, readonly (readonly [times: number, key: ConfigKey])[]])[] = [
  [
    'ha.leaseMs',
    [
      [1, 'membership.renewMs'],
      [3, 'heartbeat.intervalMs'],
    ],
  ],
]

type ValueOf<K> = K extends NumberKey
  ? number
  : K extends ChoiceKey<infer C>
    ? C
    : K extends TextKey<infer D>
      ? null extends D
        ? string | null
        : string
      : K extends ListKey
        ? readonly string[]
        : never

type Head<K> = K extends `${infer H}.${string}` ? H : K
type Below<T, H> = { [K in keyof T as H extends string ? (K extends `${H}.${infer Rest}` ? Rest : never) : never]: T[K] }
type Nested<T> = { readonly [H in keyof T as Head<H>]: Head<H> extends infer P ? (P extends keyof T ? ValueOf<T[P]> : Nested<Below<T, P>>) : never }

/** All settings, nested as in the file: `config.http.port`. Frozen; never changed after start-up. */
export type Config = Nested<typeof CONFIG_KEYS>

export type ConfigValue = string | number | null | readonly string[]

/** The keys with their descriptions, in the order of the sample file. */
export const configEntries = (): readonly (readonly [string, KeySpec])[] => Object.entries(CONFIG_KEYS)

/** What people are shown of a value. */
export const shownValue = (spec: KeySpec, value: unknown): unknown => (spec.kind === 'text' && spec.secret && value !== null ? '(set)' : value)

export const isConfigKey = (name: string): name is ConfigKey => Object.hasOwn(CONFIG_KEYS, name)

/** `driver.fake.latencyMs` becomes `BATON_DRIVER_FAKE_LATENCY_MS`. */
export const environmentName = (key: string): string =>
  `BATON_${key
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, c => `_${c}`)
    .toUpperCase()}`

/** What a value must be, for people: `an integer from 0 to 65535 (TCP port)`. */
export function expected(spec: KeySpec): string {
  const unit = spec.unit === '' ? '' : ` (${spec.unit})`
  switch (spec.kind) {
    case 'integer':
      return `an integer from ${spec.min} to ${spec.max}${unit}`
    case 'number':
      return `a number from ${spec.min} to ${spec.max}${unit}`
    case 'text':
      return `${spec.default === null ? 'a text or null' : 'a text'}${unit}`
    case 'list':
      return `a list of texts${unit}`
    case 'choice':
      return `one of ${spec.choices.join(', ')}`
  }
}

/** True when `value` may stand under a key with this description. */
export function allows(spec: KeySpec, value: unknown): value is ConfigValue {
  switch (spec.kind) {
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= spec.min && value <= spec.max
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) && value >= spec.min && value <= spec.max
    case 'text':
      return value === null ? spec.default === null : typeof value === 'string' && value !== '' && (spec.problem?.(value) ?? null) === null
    case 'list':
      return Array.isArray(value) && value.length <= LIST_LIMIT && value.every(item => typeof item === 'string' && item !== '')
    case 'choice':
      return typeof value === 'string' && spec.choices.includes(value)
  }
}

/** Text of an environment variable or a flag as a value of this kind; what does not fit is returned as it is. */
export function fromText(spec: KeySpec, raw: string): unknown {
  if (spec.kind === 'integer' || spec.kind === 'number') return /^[+-]?\d/.test(raw.trim()) ? Number(raw) : raw
  if (spec.kind === 'list') return fromJson(raw)
  return spec.kind === 'text' && spec.default === null && raw === '' ? null : raw
}

const LIST_LIMIT = 100

function fromJson(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return raw
  }
}
