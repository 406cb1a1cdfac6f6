/** Flags of the programs for developers (`npm run sim`, `npm run bench` …): what they are for stands at the head of each program's file, once. */
import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The comment at the head of a program's source, as text. */
export function usageOf(source: string): string {
  const comment = /^\/\*\*(.*?)\*\//s.exec(source)?.[1] ?? ''
  return comment
    .split('\n')
    .map(line => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
}

/**
 * What was given to the program in `file` (its `import.meta.filename`). `--help` prints what stands at its head and ends it with exit code 0;
 * a flag that it does not know says so, and ends it with 2.
 */
export function readFlags<const T extends ParseArgsConfig>(file: string, config: T): ReturnType<typeof parseArgs<T>> {
  const usage = (): string => usageOf(readFileSync(file, 'utf8'))
  if (process.argv.includes('--help')) {
    console.log(usage())
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage()}`)
    process.exit(2)
  }
}
