/** `npm run docs`: writes the reference tables into README.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withReference } from './reference.ts'

const file = join(import.meta.dirname, '..', 'README.md')
writeFileSync(file, withReference(readFileSync(file, 'utf8')))
