import { createRootRoute, createRoute, createRouter, lazyRouteComponent, notFound, redirect } from '@tanstack/react-router';
import { caller } from '../api/context';
import { asApiError } from '../api/errors';
import { queryClient } from '../api/query';
import account from '../pages/account/search';
import accounts from '../pages/accounts/search';
import admin from '../pages/admin/search';
import alerts from '../pages/alerts/search';
import catalogue from '../pages/catalogue/search';
import dataset from '../pages/dataset/search';
import datasets from '../pages/datasets/search';
import flow from '../pages/flow/search';
import flows from '../pages/flows/search';
import home from '../pages/home/search';
import monitoring from '../pages/monitoring/search';
import run from '../pages/run/search';
import start from '../pages/start/search';
import wizard from '../pages/wizard/search';
import { Crash, Missing } from './Fallback';
import { Frame } from './Frame';
import { Root } from './Root';
import { search, text } from './search';
import { defaultSandbox, mayBeSignedIn, noteSignedIn, sessionQuery } from './session';

const root = createRootRoute({ component: Root, notFoundComponent: Missing, errorComponent: Crash });

const signIn = createRoute({
  getParentRoute: () => root,
  // No sandbox is called so: their names begin with a letter.
  path: '/-/sign-in',
  validateSearch: search({ next: text }),
  component: lazyRouteComponent(() => import('../pages/sign-in')),
});

async function session(href: string) {
  try {
    if (mayBeSignedIn()) return await queryClient.ensureQueryData(sessionQuery);
  } catch (error) {
    if (asApiError(error).status !== 401) throw error;
    noteSignedIn(false);
  }
  throw redirect({ to: '/-/sign-in', search: href === '/' ? {} : { next: href } });
}

const index = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: async ({ location }) => {
    const signedIn = await session(location.href);
    // A demo begins with what can be done in it.
    throw redirect({ to: signedIn.demo ? '/$sandbox/start' : '/$sandbox', params: { sandbox: defaultSandbox(signedIn) }, replace: true });
  },
});

/** All pages live in a sandbox; the frame is around them. */
const inSandbox = createRoute({
  getParentRoute: () => root,
  path: '/$sandbox',
  beforeLoad: async ({ params: { sandbox }, location }) => {
    const { sandboxes } = await session(location.href);
    if (!sandboxes.some((s) => s.name === sandbox)) throw notFound({ data: { sandbox } });
    caller.set({ ...caller.get(), sandbox });
  },
  component: Frame,
  notFoundComponent: Missing,
});

const under = { getParentRoute: () => inSandbox, errorComponent: Crash } as const;
const pages = [
  createRoute({ ...under, path: '/', validateSearch: home, component: lazyRouteComponent(() => import('../pages/home')) }),
  createRoute({ ...under, path: '/start', validateSearch: start, component: lazyRouteComponent(() => import('../pages/start')) }),
  createRoute({ ...under, path: '/sources', validateSearch: catalogue, component: lazyRouteComponent(() => import('../pages/catalogue')) }),
  createRoute({ ...under, path: '/accounts', validateSearch: accounts, component: lazyRouteComponent(() => import('../pages/accounts')) }),
  createRoute({ ...under, path: '/accounts/$id', validateSearch: account, component: lazyRouteComponent(() => import('../pages/account')) }),
  createRoute({ ...under, path: '/flows', validateSearch: flows, component: lazyRouteComponent(() => import('../pages/flows')) }),
  createRoute({ ...under, path: '/flows/new', validateSearch: wizard, component: lazyRouteComponent(() => import('../pages/wizard')) }),
  createRoute({ ...under, path: '/flows/$id', validateSearch: flow, component: lazyRouteComponent(() => import('../pages/flow')) }),
  createRoute({ ...under, path: '/runs/$id', validateSearch: run, component: lazyRouteComponent(() => import('../pages/run')) }),
  createRoute({ ...under, path: '/datasets', validateSearch: datasets, component: lazyRouteComponent(() => import('../pages/datasets')) }),
  createRoute({ ...under, path: '/datasets/$id', validateSearch: dataset, component: lazyRouteComponent(() => import('../pages/dataset')) }),
  createRoute({ ...under, path: '/monitoring', validateSearch: monitoring, component: lazyRouteComponent(() => import('../pages/monitoring')) }),
  createRoute({ ...under, path: '/alerts', validateSearch: alerts, component: lazyRouteComponent(() => import('../pages/alerts')) }),
  createRoute({ ...under, path: '/admin/$section', validateSearch: admin, component: lazyRouteComponent(() => import('../pages/admin')) }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([signIn, index, inSandbox.addChildren(pages)]),
  basepath: '/ui',
  defaultPreload: false,
  defaultPendingMs: 300,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
