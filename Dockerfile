# The app on Hugging Face Spaces or any host: as a user who is not root, on a CPU.
#
#   docker build -t fer-studio . && docker run -p 8501:8501 fer-studio
#
# PyTorch's own index has builds for CPUs, of a tenth of the size. For a GPU:
#   docker build --build-arg TORCH_INDEX=https://pypi.org/simple -t fer-studio .
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 app

USER app
WORKDIR /home/app/fer-studio
ENV PATH=/home/app/venv/bin:$PATH \
    PYTHONUNBUFFERED=1

COPY --chown=app requirements.txt ./
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python3 -m venv /home/app/venv \
    && grep -oE '^torch(vision)?[<>=]+[0-9.]+' requirements.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --index-url "$TORCH_INDEX" -r /tmp/torch.txt \
    && pip install --no-cache-dir -r requirements.txt

COPY --chown=app . .

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8501/_stcore/health')"]
CMD ["streamlit", "run", "serve.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
