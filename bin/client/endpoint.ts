/** Where the cluster's API is: --endpoint, else BATON_ENDPOINT, else what `baton up` wrote into the data folder. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Options, text } from '../call.ts'
import { foundIn } from './credentials.ts'
import { isText, shape } from './guards.ts'

const isClusterFile = shape({ endpoint: isText })

/** An http URL without a slash at its end. Throws `NotRunning` when no cluster is known, `BadRequest` for what is no URL. */
export function endpointOf(options: Options, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = text(options, 'endpoint') ?? (text(options, 'data') === undefined ? env.BATON_ENDPOINT : undefined)
  if (named !== undefined && named !== '') return checked(named)
  const folder = text(options, 'data') ?? env.BATON_DATA ?? '.baton'
  const endpoint = checked(readEndpoint(join(folder, 'cluster.json')))
  foundIn(endpoint, folder)
  return endpoint
}

function readEndpoint(file: string): string {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch {
    throw new BatonError('NotRunning', `no cluster is known: ${file} cannot be read`)
  }
  const parsed = parse(content)
  if (!isClusterFile(parsed)) throw new BatonError('NotRunning', `no cluster is known: ${file} names no endpoint`)
  return parsed.endpoint
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return null
  }
}

function checked(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new BatonError('BadRequest', `${JSON.stringify(endpoint)} is no endpoint; it looks like http://127.0.0.1:8774`)
  return endpoint.replace(/\/+$/, '')
}
