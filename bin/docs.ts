/** `npm run docs`: writes the reference tables into README.md, and the documents in docs/ that are made from the code. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncApiDocument } from './async-api.ts'
import { metricsDocument } from './metrics-document.ts'
import { novaDocument } from './nova-document.ts'
import { openApiText } from './openapi-document.ts'
import { withReference } from './reference.ts'
import { stateDocument } from './state-diagram.ts'

const root = join(import.meta.dirname, '..')
const file = join(root, 'README.md')
writeFileSync(file, withReference(readFileSync(file, 'utf8')))
mkdirSync(join(root, 'docs'), { recursive: true })
writeFileSync(join(root, 'docs', 'states.md'), stateDocument())
writeFileSync(join(root, 'docs', 'metrics.md'), metricsDocument())
writeFileSync(join(root, 'docs', 'nova-api.md'), novaDocument())
writeFileSync(join(root, 'docs', 'openapi.json'), openApiText())
writeFileSync(join(root, 'docs', 'asyncapi.yaml'), asyncApiDocument())
