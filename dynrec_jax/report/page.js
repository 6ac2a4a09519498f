'use strict';
// Draws the page's charts with plotly, and shows the user who is asked for.
const data = JSON.parse(document.getElementById('data').textContent);
const find = (id) => document.getElementById(id);

// Charts: their colours are the page's, light, dark or printed.
const CONFIG = { displayModeBar: false, responsive: true };
const NARROW = '(max-width: 40rem)';
const drawn = new Map();

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const lines = {
    gridcolor: color('--line'),
    linecolor: color('--line'),
    zerolinecolor: color('--soft'),
  };
  const out = {
    ...layout,
    autosize: true,
    font: { color: color('--text'), family: 'system-ui, sans-serif', size: 13 },
    hoverlabel: {
      bgcolor: color('--card'),
      bordercolor: color('--line'),
      font: { color: color('--text') },
    },
  };
  for (const name of ['xaxis', 'yaxis']) {
    out[name] = { ...layout[name], ...lines };
  }
  return out;
}

function draw(id, chart) {
  drawn.set(id, chart);
  const element = find(id);
  // Plotly writes into what it is given.
  const { data: traces, layout } = structuredClone(chart);
  element.style.height = layout.height ? `${layout.height}px` : '';
  if (matchMedia(NARROW).matches && layout.showlegend !== false) {
    // A legend beside the chart would leave no room for it.
    const rows = traces.filter((trace) => trace.showlegend !== false).length;
    layout.height = element.clientHeight + 20 * rows;
    element.style.height = `${layout.height}px`;
    layout.legend = { orientation: 'h', yanchor: 'top', y: -0.2, x: 0 };
  }
  const looks = themed(layout);
  for (const error of traces.flatMap((t) => [t.error_x, t.error_y])) {
    if (error) error.color = looks.font.color;
  }
  Plotly.react(element, traces, looks, CONFIG);
}

function redraw() {
  for (const [id, chart] of drawn) draw(id, chart);
}

for (const query of ['(prefers-color-scheme: dark)', 'print', NARROW]) {
  matchMedia(query).addEventListener('change', redraw);
}
for (const [id, chart] of Object.entries(data.figures)) draw(id, chart);

if (find('measure')) {
  const show = () => {
    const name = find('measure').value;
    find('curves').setAttribute('aria-label', `Training curves: ${name}`);
    draw('curves', data.curves[name]);
  };
  find('measure').addEventListener('change', show);
  show();
}

// Text goes in as text: a title is never markup.
function make(tag, text, ...classes) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.classList.add(...classes);
  return element;
}

// Plotly reads some markup in names.
const plain = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const percent = (share) => `${Math.round(100 * share)} %`;
const many = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;

const SHOWN = 6; // topics by themselves

function largestTopics(user) {
  const mass = new Map();
  for (const shares of [...user.topics, ...user.interest]) {
    for (const [topic, share] of Object.entries(shares)) {
      mass.set(topic, (mass.get(topic) ?? 0) + share);
    }
  }
  const order = [...mass].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return order.slice(0, SHOWN).map(([topic]) => topic);
}

let topicWords = {}; // of the study that the shown user is of

function topicName(topic) {
  const words = topicWords[topic];
  return words ? `${topic}: ${words}` : `topic ${topic}`;
}

// A band per topic, and one of all others.
function bands(sessions, topics) {
  const out = topics.map((topic, place) => ({
    name: topicName(topic),
    color: data.palette[place % data.palette.length],
    values: sessions.map((shares) => shares[topic] ?? 0),
  }));
  const rest = sessions.map((shares, place) => {
    const named = out.reduce((sum, band) => sum + band.values[place], 0);
    return Object.keys(shares).length ? Math.max(0, 1 - named) : 0;
  });
  return [...out, { name: 'other topics', color: data.rest, values: rest }];
}

function shareChart(sessions, topics, look) {
  const x = sessions.map((_, place) => place + 1);
  const traces = bands(sessions, topics).map(({ name, color, values }) => ({
    x,
    y: values,
    name: plain(name),
    hovertemplate: '%{fullData.name}: %{y:.0%}<extra></extra>',
    ...look(color),
  }));
  const layout = {
    barmode: 'stack',
    bargap: 0.1,
    showlegend: false,
    dragmode: false,
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    margin: { l: 48, r: 8, t: 8, b: 44 },
    xaxis: {
      title: { text: 'session' },
      dtick: Math.ceil(x.length / 13),
      range: [0.5, x.length + 0.5],
      showgrid: false,
    },
    yaxis: { tickformat: '.0%', range: [0, 1.001] },
  };
  return { data: traces, layout };
}

const asBar = (color) => ({ type: 'bar', marker: { color } });
const asArea = (color) => ({
  type: 'scatter',
  mode: 'lines',
  stackgroup: 'u',
  line: { color, width: 0.5 },
  fillcolor: color,
});

function showTopics(user) {
  const topics = largestTopics(user);
  draw('topics', shareChart(user.topics, topics, asBar));
  draw('interest', shareChart(user.interest, topics, asArea));
  const told = (sessions) =>
    sessions
      .map((shares, place) => {
        const [best] = Object.entries(shares).sort((a, b) => b[1] - a[1]);
        const text = best
          ? `${topicName(best[0])}, ${percent(best[1])}`
          : 'nothing';
        return `session ${place + 1}: ${text}`;
      })
      .join('; ');
  find('topics').setAttribute('aria-label', `Largest topic, ${told(user.topics)}`);
  find('interest').setAttribute(
    'aria-label',
    `Largest interest, ${told(user.interest)}`,
  );
  const rows = bands(user.topics, topics).map(({ name, color }) => {
    const row = make('li', name);
    const swatch = make('span', '', 'swatch');
    swatch.style.background = color;
    row.prepend(swatch);
    return row;
  });
  find('legend').replaceChildren(...rows);
}

function hitsOf(list, user) {
  return list.filter((video) => user.truth.includes(video)).length;
}

function showLists(mode, user) {
  const cards = mode.methods.map((method, place) => {
    const list = user.lists[place];
    const card = document.createElement('div');
    const heading = make('h5', method);
    heading.append(make('span', many(hitsOf(list, user), 'hit')));
    const items = document.createElement('ol');
    for (const video of list) {
      const hit = user.truth.includes(video);
      const item = make('li', '', 'box', hit ? 'hit' : 'miss');
      const sign = make('b', hit ? '✓ ' : '✗ ');
      sign.setAttribute('aria-hidden', 'true');
      item.append(
        sign,
        make('span', hit ? 'hit: ' : 'miss: ', 'unseen'),
        data.explorer.videos[video],
      );
      items.append(item);
    }
    card.append(heading, items);
    return card;
  });
  find('lists').replaceChildren(...cards);
}

function titles(videos) {
  const list = document.createElement('ul');
  list.append(...videos.map((v) => make('li', data.explorer.videos[v])));
  return list;
}

function showWatches(user) {
  const parts = user.behaviours.flatMap((_, place) => {
    const videos = user.history
      .filter(([session]) => session === place + 1)
      .map(([, video]) => video);
    const heading = make('h5', `Session ${place + 1}`);
    return videos.length ? [heading, titles(videos)] : [];
  });
  if (!parts.length) {
    parts.push(make('p', 'None: the user is known by other behaviours alone.'));
  }
  find('history').replaceChildren(...parts);
  find('truth').replaceChildren(titles(user.truth));
}

function showUser(mode, user) {
  topicWords = mode.words;
  const count = user.behaviours.reduce((sum, n) => sum + n, 0);
  find('story-heading').textContent = `User ${user.user}`;
  find('story-facts').textContent =
    `${many(count, 'behaviour')} in ${many(user.behaviours.length, 'session')}` +
    `; ${many(user.truth.length, 'video')} watched afterwards.`;
  showTopics(user);
  showLists(mode, user);
  showWatches(user);
}

function startExplorer() {
  const modes = data.explorer.modes.filter((mode) => mode.users.length);
  const at = { mode: modes[0], users: [] };
  find('mode').append(...modes.map((mode) => new Option(mode.name)));

  // Every word that a search may name a user by.
  const text = (user) =>
    [user.user, ...[...user.history.map(([, v]) => v), ...user.truth].map(
      (video) => data.explorer.videos[video],
    )].join('\n').toLowerCase();

  const show = () => {
    const user = at.users[find('user').selectedIndex];
    if (user) showUser(at.mode, user);
  };
  const search = () => {
    const wanted = find('search').value.trim().toLowerCase();
    const before = at.users[find('user').selectedIndex]?.user;
    at.users = at.mode.users.filter((user) => text(user).includes(wanted));
    const options = at.users.map((user) => {
      const best = Math.max(0, ...user.lists.map((list) => hitsOf(list, user)));
      return new Option(
        `${user.user} (at best ${best} of ${user.truth.length})`,
      );
    });
    find('user').replaceChildren(...options);
    const place = at.users.findIndex((user) => user.user === before);
    find('user').selectedIndex = at.users.length ? Math.max(0, place) : -1;
    find('told').textContent =
      `${many(at.users.length, 'user')} of ${at.mode.users.length}`;
    find('story').hidden = !at.users.length;
    show();
  };
  find('mode').addEventListener('change', () => {
    at.mode = modes[find('mode').selectedIndex];
    search();
  });
  find('search').addEventListener('input', search);
  find('user').addEventListener('change', show);
  search();
}

if (data.explorer) startExplorer();
