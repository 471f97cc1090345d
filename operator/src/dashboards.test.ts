/** The dashboards of the chart show what workers and operator export. */
import { readdir, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { exportedMetrics, selectorsOf } from './promql-under-test.js';

const folder = new URL('../../charts/integration-hub/files/dashboards/', import.meta.url);

interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly Target[];
    readonly gridPos: { readonly w: number; readonly x: number };
  }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

describe('the dashboards', () => {
  let dashboards: Dashboard[];
  before(async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')));
    dashboards = texts.map((text) => JSON.parse(text) as Dashboard);
  });

  it('are the overview and one flow, with panels that can be told apart', () => {
    expect(dashboards.map(({ uid }) => uid)).to.have.members(['ihub-overview', 'ihub-flow']);
    for (const { panels } of dashboards) {
      expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
      for (const { gridPos, title } of panels) expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
    }
  });

  it('name metrics and labels that there are, and variables that they have', async () => {
    const exported = await exportedMetrics();
    for (const { panels, templating } of dashboards) {
      const variables = templating.list.map(({ name }) => name);
      // label_values(SELECTOR, label) is Grafana's own.
      const queries = templating.list.flatMap(({ query }) => {
        const [, selector] =
          /^label_values\((.*), [a-z_]+\)$/.exec(typeof query === 'string' ? '' : query.query) ?? [];
        return selector === undefined ? [] : [{ expr: selector }];
      });
      expect(queries).to.have.length(variables.length - 1);
      for (const { expr, legendFormat = '' } of [
        ...queries,
        ...panels.flatMap(({ targets }) => targets),
      ] as Target[]) {
        const used = [...expr.matchAll(/\$(?!__)([a-z]+)/g)].map(([, name]) => name);
        expect(variables, expr).to.include.members(used);
        for (const { metric, labels } of selectorsOf(expr.replaceAll('$__rate_interval', '5m'))) {
          const known = exported.get(metric);
          const shown = [...legendFormat.matchAll(/\{\{([a-z_]+)\}\}/g)].map(([, label]) => label);
          expect(known, `${metric} in ${expr}`).to.include.members([...labels, ...shown]);
        }
      }
    }
  });
});
