/** The console: one page, whose address says what it shows. */

import { render } from 'preact'
import { useEffect } from 'preact/hooks'
import { ErrorBoundary, LocationProvider, Route, Router } from 'preact-iso'
import '@preact/signals'
import './style.css'
import { base } from './api/base.ts'
import { signInNeeded } from './api/key.ts'
import { Frame } from './frame.tsx'
import { listenToKeys } from './ui/keys.ts'
import { Access } from './views/access.tsx'
import { Application } from './views/application.tsx'
import { Group } from './views/group.tsx'
import { Groups } from './views/groups.tsx'
import { NotFound } from './views/not-found.tsx'
import { Overview } from './views/overview.tsx'
import { SignIn } from './views/sign-in.tsx'
import { Streams } from './views/streams.tsx'
import { Topic } from './views/topic.tsx'
import { Topics } from './views/topics.tsx'

function App() {
  useEffect(listenToKeys, [])
  if (signInNeeded.value !== '') return <SignIn />
  return (
    <LocationProvider scope={`${base}/`}>
      <Frame>
        <ErrorBoundary>
          <Router>
            <Route path={`${base}/`} component={Overview} />
            <Route path={`${base}/topics`} component={Topics} />
            <Route path={`${base}/topics/:topic`} component={Topic} />
            <Route path={`${base}/groups`} component={Groups} />
            <Route path={`${base}/groups/:group`} component={Group} />
            <Route path={`${base}/streams`} component={Streams} />
            <Route path={`${base}/streams/:app`} component={Application} />
            <Route path={`${base}/access`} component={Access} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </Frame>
    </LocationProvider>
  )
}

render(<App />, document.getElementById('app')!)
