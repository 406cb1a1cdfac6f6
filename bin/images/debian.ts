/**
 * The Debian image: a small Debian with PostgreSQL under our agent, as a disk. It has no kernel: the built image starts it (`kernel_id`), and hands
 * over to a disk that has a system. Packages come by debootstrap and are downloaded once; times and ids are always the same, but PostgreSQL
 * numbers each cluster anew, so two builds differ in its files.
 */
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { output, versionOf } from './packages.ts'

const RELEASE = 'bookworm'
const MIRROR = 'http://deb.debian.org/debian'
const PACKAGES = ['systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'busybox-static', 'postgresql']
const SOURCES = resolve(import.meta.dirname, '../../actors')
/** Of the file system, before it is grown to the flavor's disk. */
const DISK_MB = 640
/** 2025-01-01, of all files. */
const EPOCH_S = 1_735_689_600
const UUID = '00000000-0000-4000-8000-0000000000de'

/** Not needed by what runs here: pages to read, other languages, and the compiler that PostgreSQL can do without. */
const LEFT_OUT = [
  ...['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/i18n', 'usr/share/perl', 'usr/share/zoneinfo/right'],
  ...['usr/lib/x86_64-linux-gnu/libLLVM-14.so.1', 'usr/lib/postgresql/15/lib/bitcode', 'usr/lib/postgresql/15/lib/llvmjit.so'],
  ...['var/cache/apt', 'var/lib/apt/lists', 'var/log', 'tmp', 'etc/machine-id', 'var/lib/dbus/machine-id'],
]

/** Files of ours by path; those that are run end in no suffix. */
const COPIED: Readonly<Record<string, string>> = {
  'usr/sbin/baton-agent': 'guest/agent/baton-agent.sh',
  'etc/baton/service.sh': 'guest/agent/service-postgresql.sh',
  'etc/baton/identity.sh': 'hypervisor/drivers/qemu/guest/identity.sh',
  'etc/baton/user-data.sh': 'hypervisor/drivers/qemu/guest/user-data.sh',
}

const WRITTEN: Readonly<Record<string, string>> = {
  'etc/hostname': 'debian\n',
  'etc/fstab': '/dev/vda / ext4 defaults 0 0\n',
  'etc/apt/sources.list': `deb ${MIRROR} ${RELEASE} main\n`,
  'etc/machine-id': '',
  // Who this is, and user data, once in the life of an instance.
  'usr/sbin/baton-begin': `#!/bin/sh
resize2fs /dev/vda >/dev/null 2>&1
. /etc/baton/identity.sh
grep -qx "instance $(cat /run/baton/instance)" /var/lib/baton-made 2>/dev/null || {
  echo "instance $(cat /run/baton/instance)" >>/var/lib/baton-made
  . /etc/baton/user-data.sh
}
touch /run/baton/ready
`,
  'etc/systemd/system/baton-begin.service': unit('Who this instance is', 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/baton-begin'),
  'etc/systemd/system/baton-agent.service': unit(
    'The agent of Baton',
    'ExecStart=/usr/sbin/baton-agent\nRestart=always\nRestartSec=1\nKillMode=process',
    'baton-begin.service',
  ),
  'etc/systemd/system/serial-getty@ttyS0.service.d/root.conf':
    '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear 115200 ttyS0 linux\n',
  'etc/postgresql/15/main/conf.d/small.conf':
    "shared_buffers = 16MB\nmax_connections = 20\njit = off\nautovacuum_max_workers = 1\nlisten_addresses = ''\n",
  // Debian's own way to it takes a script in Perl at each start, which a system without a real processor has no time for.
  'etc/postgresql/15/main/start.conf': 'manual\n',
  'etc/systemd/system/postgresql.service': unit(
    'PostgreSQL',
    'Type=notify\nUser=postgres\nRuntimeDirectory=postgresql\nKillMode=mixed\nKillSignal=SIGINT\nTimeoutStartSec=300\n' +
      'ExecStart=/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf',
    'baton-begin.service',
  ),
  'etc/postgresql/15/main/pg_hba.conf': 'local app app trust\nlocal all postgres trust\n',
}

function unit(about: string, service: string, after = ''): string {
  const order = `DefaultDependencies=no\nAfter=local-fs.target ${after}\nConflicts=shutdown.target\nBefore=shutdown.target`
  return `[Unit]\nDescription=${about}\n${order}\n\n[Service]\n${service}\n\n[Install]\nWantedBy=multi-user.target\n`
}

/** What nobody waits for in a guest of one purpose. */
const MASKED = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer', 'e2scrub_reap.service', 'fstrim.timer'],
  ...['systemd-timesyncd.service', 'systemd-pstore.service', 'getty@tty1.service', 'systemd-journal-flush.service', 'systemd-binfmt.service'],
]

/** In the template of the database, by PostgreSQL without a server. Statements end at a line break there. */
const DATABASE = ['create role app login;', 'create database app owner app;'].join('\n')
const SCHEMAS = [
  'create schema app authorization app;',
  'create schema baton; grant usage on schema baton to app;',
  'alter role app set search_path = app;',
  `create function baton.query(args json) returns json language plpgsql as $$ declare found json; begin
    execute 'select coalesce(json_agg(t), ''[]'') from (' || (args->>'sql') || ') t' into found;
    return json_build_object('rows', found); end $$;`,
  `create function baton.execute(args json) returns json language plpgsql as $$ declare changes bigint; begin
    execute args->>'sql'; get diagnostics changes = row_count; return json_build_object('changes', changes); end $$;`,
]
  .map(statement => statement.replaceAll(/\s*\n\s*/g, ' '))
  .join('\n')

/** What it is made of, as far as that is known before: when it is the same there is nothing to build. */
export async function debianSources(): Promise<string> {
  const scripts = await Promise.all(
    [import.meta.filename, ...Object.values(COPIED).map(from => join(SOURCES, from))].map(path => readFile(path, 'utf8')),
  )
  return [await versionOf('postgresql-15').catch(() => ''), ...scripts].join('\n')
}

/** Builds `debian.qcow2` in the folder, and answers with its name. Rejects when something that it takes is not here. */
export async function buildDebian(folder: string, say: (line: string) => void): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('the Debian image is built by root: debootstrap installs its packages as Debian does')
  const work = await mkdtemp(join(tmpdir(), 'baton-debian-'))
  const root = join(work, 'root')
  const cache = join(folder, 'packages', 'debian')
  const inside = (...args: string[]): Promise<string> => output('chroot', root, ...args)
  try {
    await mkdir(cache, { recursive: true })
    say(`installing ${PACKAGES.join(', ')}`)
    const options = ['--variant=minbase', `--cache-dir=${cache}`, `--include=${PACKAGES.join(',')}`]
    await output('debootstrap', ...options, RELEASE, root, MIRROR)
    for (const path of LEFT_OUT) await rm(join(root, path), { recursive: true, force: true })
    for (const path of ['tmp', 'var/log/postgresql', 'var/cache/apt/archives/partial', 'config']) await mkdir(join(root, path), { recursive: true })
    for (const [path, from] of Object.entries(COPIED)) await put(root, path, from)
    for (const [path, text] of Object.entries(WRITTEN)) await write(root, path, text)
    await inside('chmod', '755', '/usr/sbin/baton-agent', '/usr/sbin/baton-begin')
    await inside('chmod', '1777', '/tmp')
    await inside('chown', 'postgres:postgres', '/var/log/postgresql')
    await inside('systemctl', 'enable', 'baton-begin.service', 'baton-agent.service', 'serial-getty@ttyS0.service', 'postgresql.service')
    await inside('systemctl', 'mask', ...MASKED)
    await inside('passwd', '-d', 'root')
    const alone =
      '/usr/lib/postgresql/15/bin/postgres --single -j -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf'
    say('making the database')
    for (const [database, sql] of [
      ['postgres', DATABASE],
      ['app', SCHEMAS],
    ] as const) {
      await write(root, 'tmp/sql', `${sql.replaceAll('\n', '\n\n')}\n\n`)
      await inside('su', 'postgres', '-c', `${alone} ${database} </tmp/sql`)
    }
    await rm(join(root, 'tmp/sql'))
    say('writing the disk')
    return await pack(root, work, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function put(root: string, path: string, from: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await copyFile(join(SOURCES, from), join(root, path))
}

async function write(root: string, path: string, text: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), text)
}

/** The tree as a file system without a table of partitions, compressed. */
async function pack(root: string, work: string, folder: string): Promise<string> {
  await output('find', root, '-newermt', `@${EPOCH_S}`, '-exec', 'touch', '-h', '-d', `@${EPOCH_S}`, '{}', '+')
  const [raw, disk] = [join(work, 'disk.raw'), join(folder, 'debian.qcow2')]
  const features = ['-O', '^metadata_csum_seed', '-U', UUID, '-E', `hash_seed=${UUID},root_owner=0:0,lazy_itable_init=0`, '-m', '0']
  await output('env', `E2FSPROGS_FAKE_TIME=${EPOCH_S}`, 'mke2fs', '-q', '-t', 'ext4', ...features, '-d', root, raw, `${DISK_MB}M`)
  await output('qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, `${disk}.new`)
  await rename(`${disk}.new`, disk)
  return 'debian.qcow2'
}
