# One image for all processes of the service: the command says which (`docker compose run --rm host help` lists them).
FROM node:22-bookworm-slim

RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 python3-venv \
  && rm -rf /var/lib/apt/lists/*

WORKDIR /app

# The trainer's Python first: it is the largest layer and changes least. On a machine without an NVIDIA GPU, build with
# --build-arg MTM_PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" to leave out several gigabytes.
ARG MTM_PIP_ARGS=""
COPY trainer/requirements-torch.txt trainer/requirements.txt trainer/
RUN python3 -m venv /opt/trainer \
  && /opt/trainer/bin/pip install --no-cache-dir ${MTM_PIP_ARGS} -r trainer/requirements-torch.txt \
  && /opt/trainer/bin/pip install --no-cache-dir ${MTM_PIP_ARGS} -r trainer/requirements.txt

COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --omit=dev && npm cache clean --force

COPY src src
COPY temporal temporal
COPY trainer trainer
COPY examples examples
COPY bin bin
RUN node bin/build.mjs

# A named volume takes over the owner of the folder that it is mounted on.
RUN mkdir -p /data /output /models && chown node:node /data /output /models
USER node

ENV NODE_ENV=production \
    MTM_HOME=/data \
    MTM_HOST=0.0.0.0 \
    MTM_OUTPUT_ROOTS=/output \
    MTM_PYTHON=/opt/trainer/bin/python \
    HF_HOME=/models
EXPOSE 8000
ENTRYPOINT ["node", "dist/main.js"]
CMD ["help"]
