/** The table of Nova's paths against the routes there are. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { API_REFERENCE } from '../../transport/http/compute/api-reference.ts'
import { createFace } from '../support/http.ts'

const COMPUTE = '/compute/v2.1'
const { app } = createFace()

test('what is called done or partly done has a route for each of its methods, and nothing else has', async () => {
  await app.ready()
  for (const { path, methods, standing } of API_REFERENCE) {
    const url = path === '/' ? COMPUTE : `${COMPUTE}${path}`
    const isThere = standing === 'done' || standing === 'partly'
    const named = methods === 'all' ? ['GET', 'POST'] : methods.split(' ')
    for (const method of named) assert.is(app.hasRoute({ method: method as 'GET', url }), isThere, `${method} ${path} is ${standing}`)
  }
})

test('every route of the compute API has its row', async () => {
  await app.ready()
  const known = new Set(API_REFERENCE.map(({ path }) => path))
  const routes = app.printRoutes({ commonPrefix: false })
  assert.ok(routes.includes('os-keypairs'))
  const paths = pathsOf(routes).filter(path => path.startsWith(`${COMPUTE}/`))
  assert.ok(paths.length > 30)
  for (const path of paths) assert.ok(known.has(path.slice(COMPUTE.length)), `${path} is in the table`)
})

/** The full paths of a printed tree of routes. */
function pathsOf(tree: string): string[] {
  const stack: string[] = []
  return tree.split('\n').flatMap(line => {
    const match = /^([│├└─ ]*)(\S+)( \(.*\))?$/.exec(line)
    if (!match) return []
    const depth = Math.floor((match[1] ?? '').length / 4)
    stack.length = depth
    stack[depth] = match[2] ?? ''
    return match[3] ? [stack.join('').replace(/(?<=.)\/$/, '')] : []
  })
}

test.run()
