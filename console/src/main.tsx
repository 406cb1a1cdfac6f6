import { render } from 'preact'
import { App } from './app.tsx'
import './style/base.css'
import './style/map.css'
import './style/remote.css'
import './style/rows.css'
// Last: it overrides the others.
import './style/narrow.css'

const root = document.getElementById('app')
if (root) render(<App />, root)
