/** Debian's packages as images are made of them: downloaded by apt, once. */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a program printed. Rejects with what it said, or that it is not here. */
export async function output(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(file, args, { maxBuffer: 16 * 1024 * 1024 }).catch((error: Error & { code?: string; stderr?: string }) => {
    if (error.code === 'ENOENT') throw new Error(`${file} is not here: images are built on Debian or a system made of it`)
    throw new Error(`${file} failed: ${(error.stderr || error.message).trim().split('\n').slice(-5).join('\n')}`)
  })
  return stdout
}

/** The version that apt would install. */
export async function versionOf(name: string): Promise<string> {
  const version = /Candidate: (\S+)/.exec(await output('apt-cache', 'policy', name))?.[1]
  if (version === undefined || version === '(none)') throw new Error(`apt knows no ${name}; run apt-get update`)
  return version
}

/** What a package that only points to others points to: the newest kernel, by the plain name. */
export async function pointedTo(name: string, pattern: RegExp): Promise<string> {
  const found = pattern.exec(await output('apt-cache', 'depends', name))?.[1]
  if (found === undefined) throw new Error(`apt knows no ${name}; run apt-get update`)
  return found
}

/** The file of a package, downloaded unless it is here. */
export async function fetchPackage(name: string, folder: string): Promise<{ file: string; version: string }> {
  const version = await versionOf(name)
  const here = async (): Promise<string | undefined> => (await readdir(folder)).find(f => f.startsWith(`${name}_${version.replaceAll(':', '%3a')}_`))
  if ((await here()) === undefined) await run('apt-get', ['download', '-q', `${name}=${version}`], { cwd: folder })
  const file = await here()
  if (file === undefined) throw new Error(`apt-get did not download ${name} ${version}`)
  return { file: join(folder, file), version }
}
