// Asks the node how its cluster is, and shows it. What comes from the node becomes text, never markup.
'use strict';

const PERIOD_MS = 5000;
const PATIENCE_MS = 8000;
const VERSION = 1;
const SVG = 'http://www.w3.org/2000/svg';

let lastGood = null;

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function put(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

// Numbers

function amount(value) {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  if (value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString('en');
}

function micros(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return `${value} µs`;
  if (value < 1000000) return `${(value / 1000).toFixed(value < 10000 ? 1 : 0)} ms`;
  return `${(value / 1000000).toFixed(1)} s`;
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (value >= 1024 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

// Tables: a column has a title, a class and a function that makes its text of a row.

function table(id, columns, rows, nothing) {
  if (rows.length === 0) {
    put(id, element('p', {}, nothing));
    return;
  }
  const titles = columns.map(([title, kind]) => element('th', { scope: 'col', class: kind }, title));
  const body = rows.map((row) => element('tr', {}, ...columns.map(([, kind, text]) => {
    const cell = text(row);
    const [shown, mark] = Array.isArray(cell) ? cell : [cell, ''];
    return element('td', { class: `${kind} ${mark}` }, String(shown));
  })));
  put(id, element('table', {},
    element('thead', {}, element('tr', {}, ...titles)),
    element('tbody', {}, ...body)));
}

function showNodes(seen) {
  const silences = new Map(seen.silent.map((one) => [one.node, one]));
  const state = (node) => {
    if (node.fault) return [`stopped: ${node.fault}`, 'bad'];
    if (!node.error) return ['answers', 'good'];
    const silence = silences.get(node.node);
    const since = silence ? ` for ${span(seen.now - silence.since)}` : '';
    return [`silent${since}: ${node.error}`, 'bad'];
  };
  const ifHeard = (text) => (node) => (node.error ? '–' : text(node));
  table('nodes', [
    ['Node', 'short', (node) => (node.node === seen.node ? `${node.node} (this one)` : node.node ?? '?')],
    ['Address', 'short', (node) => node.address],
    ['State', 'long', state],
    ['Role', 'short', (node) => node.role],
    ['Leads', 'number', ifHeard((node) => node.leads)],
    ['Disk free', 'short', ifHeard((node) => [
      `${bytes(node.disk_available)} of ${bytes(node.disk_total)}`,
      node.disk_available < node.disk_reserve ? 'bad' : ''])],
    ['Up', 'short', ifHeard((node) => span(node.uptime_seconds))],
    ['Version', 'short', ifHeard((node) => node.version)],
  ], seen.nodes, 'No node is known.');
}

function showGroups(seen) {
  const rows = seen.groups.flatMap((group) => group.replicas.map((replica, place) => ({ group, replica, place })));
  const first = (text) => (row) => (row.place === 0 ? text(row.group) : '');
  table('groups', [
    ['Volume', 'short', first((group) => group.name)],
    ['Leader', 'short', first((group) => (group.leader === null ? ['nobody', 'bad'] : `node ${group.leader}`))],
    ['Term', 'number', first((group) => group.term)],
    ['Sessions', 'number', first((group) => group.sessions)],
    ['Node', 'number', (row) => row.replica.node],
    ['Replica', 'short', (row) => {
      const { replica, group } = row;
      const learns = group.learners.includes(replica.node) && replica.role !== 'learner' ? ', learning' : '';
      const bad = replica.role === 'silent' || replica.role === 'stopped';
      return [replica.role + learns + (replica.fault ? `: ${replica.fault}` : ''), bad ? 'bad' : ''];
    }],
    ['Lag', 'number', (row) => (row.replica.lag === null ? 'not known' : amount(row.replica.lag))],
  ], rows, 'No volume is known.');
}

// Plots

// So long may the shown time be; a third of each is whole minutes.
const SPANS = [360, 900, 1800, 3600];
const WIDTH = 480;
const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 18;
const TOP = 8;

// A round number at or above the value.
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function plot(seen, title, lines, format) {
  const samples = seen.samples;
  const end = seen.now;
  // A node that was just started shows less than an hour.
  const known = samples.length ? end - samples[0].at + samples[0].seconds : 0;
  const length = SPANS.find((one) => one >= known) ?? 3600;
  const begin = end - length;
  const all = lines.flatMap((line) => samples.map(line.value)).filter((value) => value !== null);
  const top = ceiling(Math.max(0, ...all));
  const x = (at) => LEFT + ((at - begin) / length) * (WIDTH - LEFT - 4);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    parts.push(drawn('line', { class: 'grid', x1: LEFT, x2: WIDTH - 4, y1: y(top * share), y2: y(top * share) }));
    if (all.length > 0) {
      parts.push(drawn('text', { x: LEFT - 6, y: y(top * share) + 4, 'text-anchor': 'end' }, format(top * share)));
    }
  }
  for (const part of [3, 2, 1, 0]) {
    const ago = (length * part) / 3;
    parts.push(drawn('text', { x: x(end - ago), y: HEIGHT - 4, 'text-anchor': part === 0 ? 'end' : 'start' },
      part === 0 ? 'now' : `-${span(ago)}`));
  }
  for (const sample of samples.filter((one) => one.answered < one.nodes && one.at > begin)) {
    const from = Math.max(LEFT, x(sample.at - sample.seconds));
    parts.push(drawn('rect', { class: 'gap', x: from, width: Math.max(1, x(sample.at) - from), y: TOP, height: HEIGHT - TOP - BOTTOM }));
  }
  for (const line of lines) {
    parts.push(drawn('path', { class: line.look, d: path(samples.filter((one) => one.at > begin), line.value, x, y, seen.interval_seconds) }));
  }
  const summary = lines.map((line) => describe(line, samples, format)).join(' ');
  const keys = lines.map((line) => element('span', {}, element('span', { class: `key ${line.look}` }), `${line.name} `));
  return element('figure', {},
    element('figcaption', {}, element('strong', {}, title), element('p', {}, ...keys), element('p', {}, summary)),
    drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${title}. ${summary}` }, ...parts));
}

function path(samples, value, x, y, interval) {
  let text = '';
  let last = null;
  for (const sample of samples) {
    const number = value(sample);
    if (number === null) {
      last = null;
      continue;
    }
    // A line over a time that nobody has measured would be made up.
    const joins = last !== null && sample.at - last < interval * 3;
    text += `${joins ? 'L' : 'M'}${x(sample.at).toFixed(1)} ${y(number).toFixed(1)}`;
    if (!joins) text += 'h0.1';
    last = sample.at;
  }
  return text;
}

// What the plot says, for those who do not see it.
function describe(line, samples, format) {
  const known = samples.map((sample) => [sample.at, line.value(sample)]).filter(([, value]) => value !== null);
  if (known.length === 0) return `${line.name}: nothing yet.`;
  const values = known.map(([, value]) => value);
  const most = Math.max(...values);
  const when = known[values.indexOf(most)][0];
  const peak = most > 0 ? `, at most ${format(most)} at ${new Date(when * 1000).toLocaleTimeString()}` : '';
  return `${line.name}: last ${format(values[values.length - 1])}${peak}.`;
}

function showHour(seen) {
  const rate = (which) => (sample) => sample[which].count / Math.max(1, sample.seconds);
  const time = (which, what) => (sample) => sample[which][what];
  const partial = seen.samples.filter((sample) => sample.answered < sample.nodes).length;
  const first = seen.samples[0];
  const known = first ? `Sampled by this node every ${seen.interval_seconds} s since ${clock(first.at)}.` : 'This node has just begun to look; the first sample comes within 20 s.';
  put('gaps', known + (partial ? ' Where the plots are shaded, not all nodes answered, and what those did is missing.' : ''));
  put('plots',
    plot(seen, 'Operations a second', [
      { name: 'Changes', look: 'first', value: rate('changes') },
      { name: 'Reads', look: 'second', value: rate('reads') },
    ], amount),
    plot(seen, 'Time of a change', [
      { name: 'Median', look: 'first', value: time('changes', 'median_micros') },
      { name: '99 of 100', look: 'second', value: time('changes', 'p99_micros') },
    ], (value) => micros(Math.round(value))),
    plot(seen, 'Time of a read', [
      { name: 'Median', look: 'first', value: time('reads', 'median_micros') },
      { name: '99 of 100', look: 'second', value: time('reads', 'p99_micros') },
    ], (value) => micros(Math.round(value))),
    plot(seen, 'Lag of the replica furthest behind', [
      { name: 'Entries', look: 'first', value: (sample) => sample.lag },
    ], amount));
}

function showOperations(seen) {
  const seconds = seen.operations_seconds;
  put('operations-note', seconds
    ? `Of all nodes that answered, in the last ${seconds} s, as measured by the leaders. What mounts answer from their own copies is not in here.`
    : 'The first numbers come within 20 s.');
  const rows = [...seen.operations].sort((one, other) => other.count - one.count);
  table('operations', [
    ['Operation', 'short', (row) => row.operation],
    ['Volume', 'short', (row) => row.volume],
    ['Kind', 'short', (row) => row.kind],
    ['A second', 'number', (row) => amount(row.count / Math.max(1, seconds))],
    ['Median', 'number', (row) => micros(row.median_micros)],
    ['99 of 100', 'number', (row) => micros(row.p99_micros)],
  ], rows, seconds ? `Nothing was asked for in the last ${seconds} s.` : 'Nothing is known yet.');
}

function showDirectories(seen) {
  const seconds = seen.operations_seconds;
  table('directories', [
    ['Inode', 'number', (row) => row.inode],
    ['Volume', 'short', (row) => row.volume],
    ['Calls a second', 'number', (row) => amount(row.calls / Math.max(1, seconds))],
  ], seen.directories, seconds ? `Nothing was asked for in the last ${seconds} s.` : 'Nothing is known yet.');
}

function showSessions(seen) {
  const seconds = seen.operations_seconds;
  table('sessions', [
    ['Volume', 'short', (row) => row.volume],
    ['Host', 'long', (row) => row.host],
    ['Mountpoint', 'long', (row) => row.mountpoint],
    ['Process', 'number', (row) => row.process],
    ['Calls a second', 'number', (row) => (seconds && row.calls !== null ? amount(row.calls / seconds) : '–')],
    ['Heard', 'short', (row) => (row.silent_milliseconds === null ? '–' : `${span(row.silent_milliseconds / 1000)} ago`)],
    ['Opened', 'short', (row) => clock(row.opened)],
    ['Version', 'short', (row) => row.version],
    ['Session', 'short', (row) => row.session],
  ], seen.sessions, 'Nobody has a volume mounted.');
  more('sessions', seen.sessions_left_out ? `${seen.sessions_left_out} more are not shown: holdfast session list has all.` : '');
}

function showLocks(seen) {
  table('locks', [
    ['Volume', 'short', (row) => row.volume],
    ['Inode', 'number', (row) => row.inode],
    ['Lock', 'short', (row) => `${row.kind}, ${row.is_exclusive ? 'exclusive' : 'shared'}`],
    ['Bytes', 'short', (row) => (row.start === '0' && row.end === null ? 'all' : `${row.start} to ${row.end ?? 'the end'}`)],
    ['State', 'short', (row) => (row.is_waiting ? ['waits', 'warn'] : 'held')],
    ['Host', 'long', (row) => row.host ?? '–'],
    ['Process', 'number', (row) => row.process],
    ['Since', 'short', (row) => clock(row.since)],
  ], seen.locks, 'No lock is held.');
  more('locks', seen.are_locks_left_out ? 'There are more: holdfast locks has all.' : '');
}

function more(id, text) {
  if (text) document.getElementById(id).append(element('p', {}, text));
}

function showEvents(seen) {
  table('events', [
    ['When', 'short', (event) => clock(event.at)],
    ['What', 'short', (event) => event.kind],
    ['', 'long', (event) => event.text],
  ], [...seen.events].reverse(), 'Nothing has happened since this node was started.');
}

function show(seen) {
  if (seen.version !== VERSION) {
    throw new Error('the node is of another version than this page: load the page again');
  }
  const looks = { healthy: 'good', degraded: 'warn', down: 'bad' };
  const mark = document.getElementById('health');
  mark.textContent = seen.health;
  mark.className = `mark ${looks[seen.health] || ''}`;
  document.title = `Holdfast: ${seen.health}`;
  put('whose', `Cluster ${seen.cluster}, as node ${seen.node} sees it. ${clock(seen.now)}.`);
  document.getElementById('trouble').hidden = seen.complaints.length === 0;
  put('complaints', ...seen.complaints.map((complaint) => element('li', {}, complaint)));
  showNodes(seen);
  showGroups(seen);
  showHour(seen);
  showOperations(seen);
  showDirectories(seen);
  showSessions(seen);
  showLocks(seen);
  showEvents(seen);
}

function stale(reason) {
  const notice = document.getElementById('stale');
  notice.hidden = !reason;
  const since = lastGood ? `What you see is of ${lastGood.toLocaleTimeString()}.` : 'Nothing is known yet.';
  const text = reason ? `This node does not answer: ${reason}. ${since} Other nodes have the same page.` : '';
  if (notice.textContent !== text) notice.textContent = text;
}

async function refresh() {
  try {
    const answer = await fetch('api/overview.json', { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    show(await answer.json());
    lastGood = new Date();
    stale('');
  } catch (error) {
    stale(error.message);
  }
  setTimeout(refresh, PERIOD_MS);
}

refresh();
